package cli

import (
	"encoding/json"

	"github.com/spf13/cobra"
)

// jsonFlag adds --json to a command and returns where its value will be.
func jsonFlag(c *cobra.Command) *bool {
	return c.Flags().Bool("json", false, "print one JSON object on standard output, everything else on standard error")
}

// printJSON prints v as the one JSON object of a command with --json.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
