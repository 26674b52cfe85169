package cli

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"alike/internal/kernel/cpu"
)

// build is what this program was built from, and what it runs on.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of the version control
	Modified bool   `json:"modified"`           // the files were not those of the revision
	Go       string `json:"go"`
	Platform string `json:"platform"`
	CPU      string `json:"cpu"` // the best level that kernels can use here
}

func thisBuild() build {
	b := build{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, CPU: cpu.Detect().String()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = cmp.Or(info.Main.Version, b.Version)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (b build) String() string {
	s := "alike " + b.Version
	if b.Revision != "" {
		s += fmt.Sprintf(", revision %.12s", b.Revision)
	}
	if b.Modified {
		s += " with changes"
	}
	return fmt.Sprintf("%s, %s, %s, CPU level %s", s, b.Go, b.Platform, b.CPU)
}

func (a *app) version() *cobra.Command {
	c := &cobra.Command{
		Use:     "version",
		Short:   "Say which version this is, how it was built and what the CPU can do",
		Example: "  alike version\n  alike version --json",
		Args:    exactly(),
	}
	asJSON := jsonFlag(c)
	c.RunE = func(*cobra.Command, []string) error {
		if *asJSON {
			return a.printJSON(thisBuild())
		}
		fmt.Fprintln(a.stdout, thisBuild())
		return nil
	}
	return c
}
