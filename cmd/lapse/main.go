// Command lapse gives people access for a while, through pull requests.
package main

import (
	"context"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	env := &environment{
		args: os.Args[1:], in: os.Stdin, out: os.Stdout, err: os.Stderr,
		getenv: os.Getenv, now: time.Now, http: http.DefaultTransport, terminal: isTerminal(os.Stdout),
		asks: isTerminal(os.Stdin), redraws: isTerminal(os.Stderr),
	}
	os.Exit(run(ctx, env))
}

// isTerminal says whether a person is likely to be reading: colour and progress are for them alone.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	nobody, err := os.Stat(os.DevNull) // a device, too
	return err != nil || !os.SameFile(info, nobody)
}
