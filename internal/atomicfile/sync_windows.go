package atomicfile

// SyncDir does nothing: Windows cannot sync a folder, and its renames are
// journalled by the file system.
func SyncDir(string) error { return nil }
