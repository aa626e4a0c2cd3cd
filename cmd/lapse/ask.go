package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/lapse-access/lapse/cmd/lapse/internal/render"
)

// maxTries is how often a question is asked again where the answer is none.
const maxTries = 5

// question is asked on a terminal. The empty answer is its preset.
type question struct {
	text   string
	preset string
	check  func(answer string) error
}

// asker asks one question after another. Answers are lines; what was typed ahead is kept for the next.
type asker struct {
	env *environment
	in  *bufio.Reader
}

func (env *environment) asker() *asker {
	return &asker{env, bufio.NewReader(io.LimitReader(env.in, 1<<20))}
}

// ask returns the first answer that passes.
func (a *asker) ask(ctx context.Context, q question) (string, error) {
	for range maxTries {
		if q.preset != "" {
			fmt.Fprintf(a.env.err, "%s [%s] ", q.text, render.Text(q.preset))
		} else {
			fmt.Fprintf(a.env.err, "%s ", q.text)
		}
		answer, err := a.line(ctx)
		if err != nil {
			return "", err
		}
		if answer == "" {
			answer = q.preset
		}
		err = q.check(answer)
		if err == nil {
			return answer, nil
		}
		fmt.Fprintf(a.env.err, "  %s\n", render.Text(err.Error()))
	}
	return "", usagef("%s no answer that will do; see `lapse request --help`", q.text)
}

// line waits for a line or for the end of the context. A read from a terminal cannot be called off: at the end of the context the
// program ends, and the read with it.
func (a *asker) line(ctx context.Context) (string, error) {
	type read struct {
		text string
		err  error
	}
	done := make(chan read, 1)
	go func() {
		text, err := a.in.ReadString('\n')
		done <- read{text, err}
	}()
	select {
	case r := <-done:
		if r.err != nil && (!errors.Is(r.err, io.EOF) || r.text == "") {
			fmt.Fprintln(a.env.err)
			return "", usagef("no answer: %w", r.err)
		}
		return strings.TrimSpace(r.text), nil
	case <-ctx.Done():
		fmt.Fprintln(a.env.err)
		return "", context.Cause(ctx)
	}
}

// confirm asks for yes or no.
func (a *asker) confirm(ctx context.Context, text string, preset bool) (bool, error) {
	words := map[string]bool{"y": true, "yes": true, "n": false, "no": false}
	q := question{text: text + " (y/n)", preset: "n", check: func(s string) error {
		if _, ok := words[strings.ToLower(s)]; !ok {
			return errors.New("answer y or n")
		}
		return nil
	}}
	if preset {
		q.preset = "y"
	}
	answer, err := a.ask(ctx, q)
	return words[strings.ToLower(answer)], err
}
