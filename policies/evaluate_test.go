package policies

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/lapse-access/lapse/grants"
)

func mustLoad(t testing.TB, text string) *Set {
	t.Helper()
	s := Load(one(text))
	if p := s.Problems(); p != nil {
		t.Fatalf("problems:\n%s", list(p))
	}
	return s
}

func TestAnAnswerHoldsEveryMessageSorted(t *testing.T) {
	s := mustLoad(t, `package request

violation contains "c" if true

deny contains "b" if input.grant.user == "alice"

deny contains {"msg": "a", "id": 7, "approvals": {"from": ["group:security", "@acme/security", "group:security"], "count": 2}} if true

warn_long contains "d" if input.grant.duration_seconds >= 14400

deny contains "never" if input.grant.user == "bob"
`)
	at := func(line int) grants.Pos { return grants.Pos{File: "policies/p.rego", Line: line, Column: 1} }
	want := Answer{
		Denials: []Message{
			{Text: "a", Rule: "request.deny", At: at(7), Lift: &Lift{From: []grants.Party{"@acme/security", "group:security"}, Count: 2}},
			{Text: "b", Rule: "request.deny", At: at(5)},
			{Text: "c", Rule: "request.violation", At: at(3)},
		},
		Warnings: []Message{{Text: "d", Rule: "request.warn_long", At: at(9)}},
	}
	if d := cmp.Diff(want, s.Request(t.Context(), exampleInput())); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(Answer{}, s.Active(t.Context(), exampleInput())); d != "" {
		t.Errorf("without package active: %s", d)
	}
}

func TestA46WhatIsNoMessageIsADenialThatNothingLifts(t *testing.T) {
	for name, c := range map[string]struct{ value, want string }{
		"number":         {`3`, "gave a number"},
		"boolean":        {`input.role.exclusive`, "gave true or false"},
		"null":           {`null`, "gave null"},
		"list":           {`["m"]`, "gave a list"},
		"empty":          {`""`, "gave an empty message"},
		"blank":          {`" \n\t"`, "gave an empty message"},
		"invisible":      {`"\u200b\ufeff\u2800\u3164"`, "gave an empty message"},
		"object":         {`{"message": "m"}`, "gave an object without a text msg"},
		"number as msg":  {`{"msg": 3}`, "gave an object without a text msg"},
		"empty msg":      {`{"msg": ""}`, "gave an empty message"},
		"null msg":       {`{"msg": null}`, "gave an object without a text msg"},
		"empty but lift": {`{"msg": "", "approvals": {"from": ["group:security"], "count": 1}}`, "gave an empty message"},
	} {
		t.Run(name, func(t *testing.T) {
			s := mustLoad(t, "package request\ndeny contains "+c.value+" if true\n")
			a := s.Request(t.Context(), exampleInput())
			if len(a.Denials) != 1 || a.Denials[0].Lift != nil || !strings.Contains(a.Denials[0].Text, c.want) {
				t.Errorf("denials %+v, want one with %q", a.Denials, c.want)
			}
			requireProblem(t, a.Broken, "policies/p.rego:2:1", c.want)
		})
	}
	s := mustLoad(t, "package request\nwarn contains 3 if true\ndeny contains \"m\" if false\n")
	if a := s.Request(t.Context(), exampleInput()); len(a.Broken) != 1 {
		t.Errorf("a warning that is a number: %+v", a)
	}
}

func TestA46WrongApprovalsLiftNothing(t *testing.T) {
	for name, c := range map[string]struct{ approvals, want string }{
		"no count":       {`"approvals": {"from": ["group:security"]}`, "without a count"},
		"zero":           {`"approvals": {"from": ["group:security"], "count": 0}`, "without a count"},
		"negative":       {`"approvals": {"from": ["group:security"], "count": -1}`, "without a count"},
		"fraction":       {`"approvals": {"from": ["group:security"], "count": 1.5}`, "without a count"},
		"text count":     {`"approvals": {"from": ["group:security"], "count": "1"}`, "without a count"},
		"huge":           {`"approvals": {"from": ["group:security"], "count": 1e30}`, "without a count"},
		"no from":        {`"approvals": {"count": 1}`, "without a list from"},
		"empty from":     {`"approvals": {"from": [], "count": 1}`, "without a list from"},
		"text from":      {`"approvals": {"from": "group:security", "count": 1}`, "without a list from"},
		"number in from": {`"approvals": {"from": [1], "count": 1}`, "a number, which is not a team"},
		"no party":       {`"approvals": {"from": ["everyone"], "count": 1}`, "from no one"},
		"hostile party":  {`"approvals": {"from": ["@acme/../mallory"], "count": 1}`, "from no one"},
		"unknown key":    {`"approvals": {"from": ["group:security"], "count": 1, "or": true}`, "unknown key"},
		"list":           {`"approvals": [{"from": ["group:security"], "count": 1}]`, "approvals that are a list"},
		"null":           {`"approvals": null`, "approvals that are null"},
		"misspelt":       {`"aprovals": {"from": ["group:security"], "count": 1}`, "did you mean"},
		"singular":       {`"approval": {"from": ["group:security"], "count": 1}`, "did you mean"},
		"capital":        {`"Approvals": {"from": ["group:security"], "count": 1}`, "did you mean"},
		"another":        {`"approved_by": ["group:security"]`, "did you mean"},
		"two spellings":  {`"approvals": {"from": ["group:security"], "count": 1}, "approvers": 2`, "did you mean"},
	} {
		t.Run(name, func(t *testing.T) {
			s := mustLoad(t, "package request\ndeny contains {\"msg\": \"m\", "+c.approvals+"} if true\n")
			a := s.Request(t.Context(), exampleInput())
			requireProblem(t, a.Broken, "policies/p.rego:2:1", c.want)
			found := false
			for _, m := range a.Denials {
				found = found || m.Text == "m"
				if m.Lift != nil {
					t.Errorf("%q can be lifted by %+v", m.Text, m.Lift)
				}
			}
			if !found {
				t.Errorf("the denial is lost: %+v", a.Denials)
			}
		})
	}
}

func TestNothingLiftsWhatEndsAGrantOrWarns(t *testing.T) {
	const approvals = `{"msg": "m", "approvals": {"from": ["group:security"], "count": 1}}`
	s := Load(folder(map[string]string{
		"active.rego":  "package active\ndeny contains " + approvals + " if true\n",
		"request.rego": "package request\nwarn contains " + approvals + " if true\ndeny contains \"n\" if false\n",
	}))
	active := s.Active(t.Context(), exampleInput())
	requireProblem(t, active.Broken, "policies/active.rego:2:1", "nothing lifts a denial of an active grant")
	if len(active.Denials) == 0 || active.Denials[0].Text != "m" || active.Denials[0].Lift != nil {
		t.Errorf("denials %+v", active.Denials)
	}
	request := s.Request(t.Context(), exampleInput())
	requireProblem(t, request.Broken, "policies/request.rego:2:1", "only a denial can be lifted")
	if len(request.Warnings) != 1 || request.Warnings[0].Lift != nil || request.Denials != nil {
		t.Errorf("answer %+v", request)
	}
}

func TestA46AnErrorOfABuiltinIsNoPass(t *testing.T) {
	s := mustLoad(t, `package request

deny contains "m" if {
	to_number(input.grant.reason) > 3
}

deny_other contains "other" if true

helper(x) := 1 / x

violation contains "v" if helper(count(input.live)) == 2
`)
	a := s.Request(t.Context(), exampleInput())
	if len(a.Denials) != 1 || a.Denials[0].Text != "other" {
		t.Errorf("denials %+v: an error hid the other rule", a.Denials)
	}
	if len(a.Broken) != 2 || a.Broken[0].Line != 4 || a.Broken[1].Line != 9 {
		t.Errorf("broken:\n%s", list(a.Broken))
	}
	for _, p := range a.Broken {
		if p.File != "policies/p.rego" || strings.Contains(p.Error(), os.TempDir()) {
			t.Errorf("the place is not in the repository: %v", p)
		}
	}
}

func TestA46ConflictingValuesAreNoPass(t *testing.T) {
	s := mustLoad(t, "package request\ndeny contains \"m\" if x == 3\nx := 1 if input.grant.user == \"alice\"\nx := 2 if input.grant.user != \"bob\"\n")
	if a := s.Request(t.Context(), exampleInput()); len(a.Broken) != 1 || !strings.Contains(a.Broken[0].Text, "must not produce multiple outputs") {
		t.Errorf("answer %+v", a)
	}
}

func TestAPolicyThatDoesNotEndIsStopped(t *testing.T) {
	for name, body := range map[string]string{
		"loop":   "some a in numbers.range(1, 100000)\n some b in numbers.range(1, 100000)\n a + b == 0",
		"memory": "count(numbers.range(1, 1000000000)) == 0",
	} {
		t.Run(name, func(t *testing.T) {
			s := mustLoad(t, "package request\ndeny contains \"m\" if {\n"+body+"\n}\ndeny_b contains \"b\" if true\n")
			s.limit = 50 * time.Millisecond
			start := time.Now()
			a := s.Request(t.Context(), exampleInput())
			if len(a.Broken) == 0 || !strings.Contains(a.Broken[0].Text, "took too long") {
				t.Errorf("answer %+v", a)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
}

func TestAnEndedContextIsNoPass(t *testing.T) {
	s := mustLoad(t, "package request\ndeny contains \"m\" if {\nsome a in numbers.range(1, 100000)\n some b in numbers.range(1, 100000)\n a + b == 0\n}\n")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a := s.Request(ctx, exampleInput()); len(a.Broken) == 0 {
		t.Errorf("answer %+v", a)
	}
}

func TestWithinEndsWhatDoesNotListenAndCatchesAPanic(t *testing.T) {
	block := make(chan struct{})
	defer close(block)
	if _, err := within(time.Millisecond, func() int { <-block; return 1 }); err == nil {
		t.Error("no error after the limit")
	}
	if _, err := within(time.Minute, func() int { panic("in a built-in") }); err == nil || !strings.Contains(err.Error(), "in a built-in") {
		t.Errorf("error %v after a panic", err)
	}
}

func TestA46TooManyMessagesAreADenialThatNothingLifts(t *testing.T) {
	s := mustLoad(t, `package request
deny contains {"msg": sprintf("m%d", [i]), "approvals": {"from": ["group:security"], "count": 1}} if some i in numbers.range(1, 101)
`)
	a := s.Request(t.Context(), exampleInput())
	unlifted := 0
	for _, m := range a.Denials {
		if m.Lift == nil {
			unlifted++
		}
	}
	if len(a.Denials) != maxMessages+1 || unlifted != 1 || len(a.Broken) != 1 {
		t.Errorf("%d denials, %d of them for ever, broken:\n%s", len(a.Denials), unlifted, list(a.Broken))
	}
}

func TestA62MessagesArePassedOnRawAndWithinTheirLimit(t *testing.T) {
	in := exampleInput()
	in.Grant.Reason = "::set-env name=X::\x1b[31m<!-- @acme/everyone --> é"
	s := mustLoad(t, "package request\ndeny contains input.grant.reason if true\nviolation contains msg if { parts := [\"€\" | some _ in numbers.range(1, 5000)]; msg := concat(\"\", parts) }\n")
	a := s.Request(t.Context(), in)
	if len(a.Denials) != 2 || a.Denials[0].Text != in.Grant.Reason {
		t.Fatalf("denials %+v", a.Denials)
	}
	if text := a.Denials[1].Text; len(text) > maxText || !strings.HasSuffix(text, "€"+cut) {
		t.Errorf("%d bytes, ending %q", len(text), text[len(text)-20:])
	}
}

func TestListsOfTheInputAreNeverNull(t *testing.T) {
	s := mustLoad(t, `package request
deny contains sprintf("%v %v %v %v", [input.live, input.person.groups, input.request.labels, input.role.entitlements]) if true
deny contains sprintf("%v", [input.role.entitlements[0].values]) if true
`)
	if a := s.Request(t.Context(), Input{}); len(a.Denials) != 1 || a.Denials[0].Text != "[] [] [] []" {
		t.Errorf("answer %+v", a)
	}
	in := Input{Role: Role{Entitlements: []Entitlement{{Target: "github"}}}}
	if a := s.Request(t.Context(), in); len(a.Denials) != 2 || a.Denials[1].Text != "{}" {
		t.Errorf("answer %+v", a)
	}
	if in.Role.Entitlements[0].Values != nil {
		t.Error("the caller's input was changed")
	}
}

func TestPrintReachesNoStream(t *testing.T) {
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = out, out
	a := mustLoad(t, "package request\ndeny contains \"m\" if { print(\"::error::\", input.grant.reason); true }\n").Request(t.Context(), exampleInput())
	os.Stdout, os.Stderr = stdout, stderr
	if b, err := os.ReadFile(out.Name()); err != nil || len(b) > 0 {
		t.Errorf("printed %q, error %v", b, err)
	}
	if len(a.Denials) != 1 || a.Broken != nil {
		t.Errorf("answer %+v", a)
	}
}

func TestOneSetAnswersManyAtOnce(t *testing.T) {
	s := Load(folder(defaultFiles(t)))
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for j := range 20 {
				in := exampleInput()
				in.Person.Login = fmt.Sprintf("alice%d-%d", i, j)
				in.Live = make([]Live, 5)
				a := s.Request(context.Background(), in)
				want := in.Person.Login + " holds 5 live grants already: end one first (at most 5)"
				if len(a.Denials) != 1 || a.Denials[0].Text != want || a.Broken != nil {
					t.Errorf("answer %+v, want %q", a, want)
				}
			}
		})
	}
	wait.Wait()
}

func TestTheZeroSetIsBroken(t *testing.T) {
	var s Set
	for _, a := range []Answer{s.Request(t.Context(), exampleInput()), s.Active(t.Context(), exampleInput())} {
		if len(a.Broken) == 0 {
			t.Error("it passes")
		}
	}
}

func TestAProblemInRequestDoesNotKeepActiveFromEndingAGrant(t *testing.T) {
	s := Load(folder(map[string]string{
		"request.rego": "package request\ndeny contains \"m\" if input.grant.nope == 1\n",
		"active.rego":  "package active\ndeny contains \"left\" if \"departed\" in input.person.groups\n",
	}))
	in := exampleInput()
	in.Person.Groups = []string{"departed"}
	a := s.Active(t.Context(), in)
	want := []Message{{Text: "left", Rule: "active.deny"}}
	if d := cmp.Diff(want, a.Denials, cmpopts.IgnoreFields(Message{}, "At")); d != "" {
		t.Error(d)
	}
	if len(a.Broken) != 1 {
		t.Errorf("broken:\n%s", list(a.Broken))
	}
}

func BenchmarkRequest(b *testing.B) {
	s, in := Load(folder(defaultFiles(b))), exampleInput()
	for b.Loop() {
		s.Request(b.Context(), in)
	}
}

func BenchmarkLoad(b *testing.B) {
	files := folder(defaultFiles(b))
	for b.Loop() {
		Load(files)
	}
}
