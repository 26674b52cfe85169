// Command alike learns image embeddings in which similar things are near,
// measures how good they are, and puts them to use.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"alike/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends what does not listen
	code := cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
