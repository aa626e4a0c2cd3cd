package policies

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lapse-access/lapse/grants"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// maxMessages is how many messages one rule may give for one input.
const maxMessages = 100

// rule is one name that is asked of a package, with all its definitions.
type rule struct {
	pkg, name string
	at        grants.Pos // its first definition

	definitions int
	query       rego.PreparedEvalQuery
	dir         string // the private folder that evaluation errors name
}

// String is the rule as messages name it.
func (r rule) String() string { return r.pkg + "." + r.name }

// Request asks package request about a grant that is asked for. It takes at most some seconds; what has not answered by
// then, or when ctx ends, is broken.
func (s *Set) Request(ctx context.Context, in Input) Answer { return s.ask(ctx, packageRequest, in) }

// Active asks package active about a live grant; a denial ends it. Without a package active, nobody's grant is ended.
// Nothing lifts a denial of an active grant.
func (s *Set) Active(ctx context.Context, in Input) Answer { return s.ask(ctx, packageActive, in) }

// ask evaluates every rule of a package, so that one that fails hides nothing of the others.
func (s *Set) ask(ctx context.Context, pkg string, in Input) Answer {
	broken := Answer{Broken: slices.Clone(s.problems)}
	if s.rules == nil {
		if len(broken.Broken) == 0 {
			broken.Broken = []grants.Problem{folderProblem("the policies are not loaded", "")}
		}
		return broken
	}
	input, err := ast.InterfaceToValue(withoutNull(in))
	if err != nil {
		broken.Broken = append(broken.Broken, folderProblem(fmt.Sprintf("write the input: %v", err), ""))
		return broken
	}
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	// A built-in that does not listen to ctx must not hold up the run.
	a, err := within(s.limit+time.Second, func() Answer {
		a := Answer{Broken: slices.Clone(s.problems)}
		for _, r := range s.rules[pkg] {
			r.ask(ctx, input, &a)
		}
		return a
	})
	if err != nil {
		broken.Broken = tidy(append(broken.Broken, folderProblem(fmt.Sprintf("ask package %s: %v", pkg, err), "")))
		return broken
	}
	sortMessages(a.Denials)
	sortMessages(a.Warnings)
	a.Broken = tidy(a.Broken)
	return a
}

// ask adds the rule's messages to the answer.
func (r rule) ask(ctx context.Context, input ast.Value, a *Answer) {
	results, err := r.query.Eval(ctx, rego.EvalParsedInput(input))
	if err != nil {
		a.Broken = append(a.Broken, r.failed(ctx, err))
		return
	}
	// A set has a value for every input, if an empty one; anything else cannot be told from a rule that passes.
	if len(results) != 1 || len(results[0].Expressions) != 1 {
		r.broken(a, "has no value")
		return
	}
	values, ok := results[0].Expressions[0].Value.([]any)
	if !ok {
		r.broken(a, "is not a set of messages")
		return
	}
	if len(values) > maxMessages {
		r.broken(a, fmt.Sprintf("gave %d messages; at most %d are read", len(values), maxMessages))
		values = values[:maxMessages]
	}
	if len(values) == 0 {
		return
	}
	from := r.originsOf(ctx, input)
	for _, v := range values {
		r.at = from.of(v) // of this value's definition
		m, wrong := r.message(v)
		if wrong != "" {
			r.broken(a, wrong)
			if m.Text == "" {
				continue // the denial that broken adds stands for it
			}
		}
		if denies(r.name) {
			a.Denials = append(a.Denials, m)
		} else {
			a.Warnings = append(a.Warnings, m)
		}
	}
}

// broken adds that the rule gave what it must not; for a rule that denies, this is also a denial that nothing lifts.
func (r rule) broken(a *Answer, what string) {
	text := fmt.Sprintf("rule %s %s", r, what)
	a.Broken = append(a.Broken, grants.Problem{Pos: r.at, Text: text, Hint: `a message is text, or {"msg": text}`})
	if denies(r.name) {
		a.Denials = append(a.Denials, Message{Text: text, Rule: r.String(), At: r.at})
	}
}

// failed is the problem of an evaluation that ended with an error.
func (r rule) failed(ctx context.Context, err error) grants.Problem {
	if cause := ctx.Err(); cause != nil {
		text := fmt.Sprintf("rule %s was stopped: %v", r, cause)
		if errors.Is(cause, context.DeadlineExceeded) {
			text = fmt.Sprintf("rule %s took too long and was stopped", r)
		}
		return grants.Problem{Pos: r.at, Text: text, Hint: "make it simpler"}
	}
	p := relocate(r.dir, fromError(r.at.File, err))[0]
	if p.Line == 0 {
		p.Pos = r.at
	}
	p.Text = fmt.Sprintf("rule %s: %s", r, p.Text)
	return p
}

// withoutNull keeps the promise that lists and maps of the input are never null.
func withoutNull(in Input) Input {
	in.Live = orEmpty(in.Live)
	in.Person.Groups = orEmpty(in.Person.Groups)
	in.Request.Labels = orEmpty(in.Request.Labels)
	in.Role.Entitlements = append([]Entitlement{}, in.Role.Entitlements...)
	for i, e := range in.Role.Entitlements {
		if e.Values == nil {
			in.Role.Entitlements[i].Values = map[string]string{}
		}
	}
	return in
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func sortMessages(list []Message) {
	slices.SortFunc(list, func(a, b Message) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Text, b.Text), a.Lift.compare(b.Lift))
	})
}

// within runs f for no longer than the limit, and makes a panic an error. After the limit f runs on, unheard.
func within[T any](limit time.Duration, f func() T) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- result{err: fmt.Errorf("internal error: %v", p)}
			}
		}()
		done <- result{value: f()}
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.value, r.err
	case <-timer.C:
		var zero T
		return zero, fmt.Errorf("took longer than %v", limit)
	}
}
