package main

import (
	"context"
	"errors"
	"time"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/reconciler"
)

// durationFlag is a duration as the files of an access repository write it.
type durationFlag time.Duration

func (d *durationFlag) String() string {
	if *d == 0 {
		return ""
	}
	return grants.FormatDuration(time.Duration(*d))
}

func (d *durationFlag) Set(s string) error {
	v, err := grants.ParseDuration(s)
	*d = durationFlag(v)
	return err
}

func (d *durationFlag) Type() string { return "duration" }

// stay reconciles at once and goes on for as long as was asked. What one run could not do is tried again by the next, and the worst
// that any of them said is the answer.
func stay(ctx context.Context, env *environment, r *reconciler.Reconciler, o reconcileOptions, opts reconciler.Options) error {
	var worst error
	began := env.now()
	first := true
	reconciler.Stay(ctx, reconciler.Staying{
		Until: began.Add(time.Duration(o.stay)), Poll: time.Duration(o.poll), Now: env.now,
		Run: func(ctx context.Context, now time.Time) *reconciler.Report {
			opts.Now = now
			rep, err := r.Run(ctx, opts)
			opts.Init, opts.AllowRevocations = false, 0 // each was for one run
			if err != nil {
				env.complain(err)
				rep.Failures = append(rep.Failures, err.Error())
				err = errFailed
			} else if first || rep.Acted() {
				err = finish(env, o, rep, nil)
			} else {
				err = reportError(rep)
			}
			first = false
			worst = worse(worst, err)
			return rep
		},
		Moved: func(ctx context.Context, seen *reconciler.Report) bool {
			tip, ok, err := r.Write.RemoteRef(ctx, "refs/heads/"+r.Branch)
			if err != nil {
				r.Log.Warn("ask whether main moved", "error", err)
			}
			return err == nil && ok && tip.String() != seen.Main
		},
	})
	return worst
}

// worse is the answer that weighs more: what could not be done, then what was refused.
func worse(a, b error) error {
	var no refused
	if a == nil || errors.As(a, &no) && b != nil {
		return b
	}
	return a
}
