package cli

import (
	"fmt"
	"strings"

	"alike/backend"
	"alike/backend/xla"
)

// engineInfo is what can be said of one engine on this machine.
type engineInfo struct {
	Name    string       `json:"name"`
	Variant string       `json:"variant,omitempty"` // as runs record it, where it can be used
	Half    string       `json:"variant_bf16,omitempty"`
	Missing string       `json:"missing,omitempty"` // why it cannot
	Plugins []xla.Plugin `json:"plugins,omitempty"` // of xla, the preferred first
}

// listEngines says which engines there are, and what those that cannot be used want.
func (a *app) listEngines(asJSON bool) error {
	var engines []engineInfo
	for _, name := range backend.Names() {
		e := engineInfo{Name: name}
		if name == xla.Name {
			e.Plugins = xla.Plugins()
		}
		if b, err := backend.Open(name); err != nil {
			e.Missing = strings.TrimPrefix(err.Error(), "backend "+name+": ")
		} else {
			e.Variant, e.Half = backend.Variant(b), backend.HalfVariant(b)
			b.Finalize()
		}
		engines = append(engines, e)
	}
	if asJSON {
		return a.printJSON(map[string]any{"backends": engines})
	}
	for _, e := range engines {
		state := "usable as " + e.Variant
		if e.Half != e.Variant {
			state += ", in bf16 as " + e.Half
		}
		if e.Missing != "" {
			state = "not usable: " + e.Missing
		}
		fmt.Fprintf(a.stdout, "%-5s %s\n", e.Name, state)
		for _, p := range e.Plugins {
			note := ""
			if !xla.Present(p.Device) {
				note = " (no such device here)"
			}
			fmt.Fprintf(a.stdout, "      xla:%s is %s%s\n", p.Device, p.Path, note)
		}
	}
	return nil
}
