package policies

import (
	"strings"
	"testing"
)

func TestA46WhatIsNeverAskedIsAProblem(t *testing.T) {
	const pass = "package request\n\ndeny contains msg if { input.grant.reason == \"\"; msg := \"m\" }\n"
	for name, c := range map[string]struct {
		text     string // of policies/p.rego
		at, want string
	}{
		"misspelt deny":            {pass + `denny contains "m" if true`, "policies/p.rego:4:1", "resembles deny"},
		"swapped letters":          {pass + `dney contains "m" if true`, "policies/p.rego:4:1", "resembles deny"},
		"capital":                  {pass + `Deny contains "m" if true`, "policies/p.rego:4:1", "resembles deny"},
		"denies":                   {pass + `denies contains "m" if true`, "policies/p.rego:4:1", "resembles deny"},
		"denial":                   {pass + `denial contains "m" if true`, "policies/p.rego:4:1", "resembles deny"},
		"plural":                   {pass + `violations contains "m" if true`, "policies/p.rego:4:1", "resembles violation"},
		"misspelt violation":       {pass + `voilation contains "m" if true`, "policies/p.rego:4:1", "resembles violation"},
		"warning":                  {pass + `warning contains "m" if true`, "policies/p.rego:4:1", "resembles warn"},
		"suffix without underline": {pass + `denyProd contains "m" if true`, "policies/p.rego:4:1", "resembles deny"},
		"empty suffix":             {pass + `deny_ contains "m" if true`, "policies/p.rego:4:1", "resembles deny"},
		"leading underline":        {pass + `_deny contains "m" if true`, "policies/p.rego:4:1", "resembles deny"},
		"misspelt with suffix":     {pass + `dney_prod contains "m" if true`, "policies/p.rego:4:1", "resembles deny"},
		"another word":             {pass + `reject contains "m" if true`, "policies/p.rego:4:1", "never asked and never used"},
		"prefix":                   {pass + `request_deny contains "m" if true`, "policies/p.rego:4:1", "never asked and never used"},
		"only case apart":          {pass + "deny_a contains \"m\" if false\ndeny_A contains \"m\" if true", "policies/p.rego:5:1", "differs from deny_a only in case"},
		"exception":                {pass + `exception contains ["", "a"] if true`, "policies/p.rego:4:1", "exceptions switch rules off"},
	} {
		t.Run(name, func(t *testing.T) {
			s := Load(one(c.text))
			requireProblem(t, s.Problems(), c.at, c.want)
			if a := s.Request(t.Context(), exampleInput()); len(a.Broken) == 0 {
				t.Error("the request passes")
			}
		})
	}
}

func TestA46AskedRulesAreSetsOfMessages(t *testing.T) {
	for name, c := range map[string]struct{ rule, want string }{
		"boolean":           {`deny if input.grant.reason == ""`, "is one value"},
		"text":              {`deny := "no"`, "is one value"},
		"list":              {`deny := ["no"]`, "is one value"},
		"set comprehension": {`deny := {"no" | input.grant.reason == ""}`, "is one value"},
		"default":           {`default deny := false`, "is a default value"},
		"function":          {`deny(x) := "no" if x == 1`, "is a function"},
		"object":            {`deny[k] := "no" if some k in ["a"]`, "is an object"},
		"nested set":        {`deny.prod contains "no" if true`, "is an object"},
		"quoted key":        {`deny["prod"] := "no"`, "is an object"},
		"warn":              {`warn := "no"`, "is one value"},
	} {
		t.Run(name, func(t *testing.T) {
			text := "package request\nviolation contains \"m\" if input.grant.reason == \"\"\n" + c.rule
			requireProblem(t, Load(one(text)).Problems(), "policies/p.rego:3:1", c.want)
		})
	}
}

func TestA46TwoShapesOfOneRuleAreAProblem(t *testing.T) {
	problems := Load(one("package request\ndeny contains \"m\" if true\ndeny := \"n\"\n")).Problems()
	if !strings.Contains(list(problems), "policies/p.rego:3:1: rule request.deny is one value") {
		t.Errorf("problems:\n%s", list(problems))
	}
}

func TestA46PackagesThatAreNeverAskedAreAProblem(t *testing.T) {
	const request = "package request\ndeny contains \"m\" if input.grant.reason == \"\"\n"
	for name, c := range map[string]struct{ text, at, want string }{
		"main":              {"package main\ndeny contains \"m\" if true", "policies/p.rego:1:1", "package main is never asked"},
		"plural":            {"package requests\nx := 1", "policies/p.rego:1:1", "resembles request"},
		"misspelt":          {"package activ\nx := 1", "policies/p.rego:1:1", "resembles active"},
		"capital":           {"package Request\nx := 1", "policies/p.rego:1:1", "resembles request"},
		"below misspelt":    {"package reqest.time\nx := 1", "policies/p.rego:1:1", "resembles request"},
		"deny in a library": {"package lib\ndeny contains \"m\" if true", "policies/p.rego:2:1", "only packages request and active are"},
		"deny below":        {"package request.prod\ndeny contains \"m\" if true", "policies/p.rego:2:1", "only packages request and active are"},
		"package deny":      {"package request.deny_prod\nx := 1", "policies/p.rego:1:1", "looks like a rule"},
		"exception":         {"package lib\nexception contains [\"\"] if true", "policies/p.rego:2:1", "exceptions switch rules off"},
	} {
		t.Run(name, func(t *testing.T) {
			problems := Load(folder(map[string]string{"p.rego": c.text, "request.rego": request})).Problems()
			if len(problems) > 1 {
				problems = problems[:1]
			}
			requireProblem(t, problems, c.at, c.want)
		})
	}
}

func TestA46PackagesWithoutADenyingRuleAreAProblem(t *testing.T) {
	const request = "package request\ndeny contains \"m\" if input.grant.reason == \"\"\n"
	for name, c := range map[string]struct {
		files    map[string]string
		at, want string
	}{
		"no package request": {map[string]string{"a.rego": "package active\ndeny contains \"m\" if input.grant.reason == \"\"\n"}, "policies", "package request has no rule"},
		"only a warning":     {map[string]string{"a.rego": "package request\nwarn contains \"m\" if input.grant.reason == \"\"\n"}, "policies/a.rego:1:1", "package request has no rule"},
		"empty request":      {map[string]string{"a.rego": "package request\n"}, "policies/a.rego:1:1", "package request has no rule"},
		"empty active":       {map[string]string{"a.rego": request, "b.rego": "package active\n"}, "policies/b.rego:1:1", "package active has no rule"},
		"only in a test":     {map[string]string{"a.rego": "package request\n", "a_test.rego": "package request_test\ndeny contains \"m\" if true\n"}, "policies/a.rego:1:1", "package request has no rule"},
	} {
		t.Run(name, func(t *testing.T) {
			requireProblem(t, Load(folder(c.files)).Problems(), c.at, c.want)
		})
	}
}

func TestA46TestsAreNoPartOfThePolicy(t *testing.T) {
	const request = "package request\ndeny contains \"m\" if not ok\nok if input.grant.reason != \"\"\n"
	for name, c := range map[string]struct{ test, want string }{
		"asked":        {"package request\ndeny_x contains \"m\" if true", "is in a test file"},
		"adds a value": {"package request\nok if true", "is in a test file"},
	} {
		t.Run(name, func(t *testing.T) {
			s := Load(folder(map[string]string{"a.rego": request, "a_test.rego": c.test}))
			requireProblem(t, s.Problems(), "policies/a_test.rego:2:1", c.want)
			in := exampleInput()
			in.Grant.Reason = ""
			if a := s.Request(t.Context(), in); len(a.Denials) != 1 || a.Denials[0].Text != "m" {
				t.Errorf("denials: %+v", a.Denials)
			}
		})
	}
	needs := Load(folder(map[string]string{"a.rego": "package request\ndeny contains \"m\" if not data.fixture.ok\n", "a_test.rego": "package fixture\nok := true\n"}))
	requireProblem(t, needs.Problems(), "policies/a.rego:2:26", "undefined value data.fixture.ok")
}

func TestSuffixesLibrariesAndTestsAreFine(t *testing.T) {
	s := Load(folder(map[string]string{
		"request.rego": `package request

import data.lib
import data.request.time as clock

deny_prod_1 contains msg if { some msg in reasons }

violation contains {"msg": "m", "id": 7} if clock.long

reasons contains "m" if lib.blank(input.grant.reason)

unused := 1
`,
		"time.rego":         "package request.time\nlong if input.grant.duration_seconds > 3600\n",
		"lib.rego":          "package lib\nblank(text) if trim_space(text) == \"\"\n",
		"request_test.rego": "package request\nmock := {\"grant\": {\"reason\": \"\", \"duration_seconds\": 1}}\ntest_blank if deny_prod_1 == {\"m\"} with input as mock\n",
		"README.md":         "package nonsense",
	}))
	if p := s.Problems(); p != nil {
		t.Errorf("problems:\n%s", list(p))
	}
}

func TestA46UndefinedValuesAreAProblem(t *testing.T) {
	for name, c := range map[string]struct{ text, at, want string }{
		"no such package":  {"deny contains \"m\" if data.people.blocked[input.person.login]", "policies/p.rego:2:22", "undefined value data.people.blocked"},
		"no such rule":     {"deny contains \"m\" if data.request.frozen", "policies/p.rego:2:22", "undefined value data.request.frozen"},
		"file of conftest": {"deny contains \"m\" if data.conftest.file.name != \"x\"", "policies/p.rego:2:22", "undefined value data.conftest"},
		"import":           {"import data.people\ndeny contains \"m\" if not people.ok", "policies/p.rego:3:26", "undefined value data.people.ok"},
	} {
		t.Run(name, func(t *testing.T) {
			requireProblem(t, Load(one("package request\n"+c.text)).Problems(), c.at, c.want)
		})
	}
}
