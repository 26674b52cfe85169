package train

import "golang.org/x/sys/windows"

// freeBytes is the space left for this user on the disk that holds path.
func freeBytes(path string) (uint64, error) {
	var free uint64
	p, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	return free, windows.GetDiskFreeSpaceEx(p, &free, nil, nil)
}
