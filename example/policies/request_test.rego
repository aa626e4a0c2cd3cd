package request_test

import data.request

good := {
	"grant": {"reason": "Slow checkout query, INC-4211", "ticket": "", "duration_seconds": 14400},
	"role": {"name": "prod-db-read"},
	"person": {"login": "alice"},
	"live": [],
}

with_reason(reason) := json.patch(good, [{"op": "replace", "path": "/grant/reason", "value": reason}])

with_seconds(seconds) := json.patch(good, [{"op": "replace", "path": "/grant/duration_seconds", "value": seconds}])

with_live(n) := json.patch(good, [{"op": "replace", "path": "/live", "value": [i | some i in numbers.range(1, n)]}])

lift := {"from": ["group:security"], "count": 1}

test_a_good_request_passes_in_silence if {
	count(request.deny) == 0 with input as good
	count(request.warn) == 0 with input as good
}

test_a_short_reason_is_denied if {
	request.deny == {"the reason is shorter than 10 characters: say what you need the access for"} with input as with_reason("INC-4211")
}

test_white_space_does_not_lengthen_a_reason if {
	"the reason is shorter than 10 characters: say what you need the access for" in request.deny with input as with_reason("  INC-4211          ")
}

test_every_placeholder_is_denied if {
	every reason in ["test test test", "Please need access", "TODO: urgent, ASAP", "n/a - testing it", "- test, test, test -", "............"] {
		"the reason says nothing: say what you need the access for" in request.deny with input as with_reason(reason)
	}
}

test_production_without_a_ticket_is_for_security if {
	request.deny == {{
		"msg": "role prod-db-read needs a ticket, or one named in the reason (like INC-4211)",
		"approvals": lift,
	}} with input as with_reason("the checkout query is slow")
}

test_a_ticket_of_its_own_is_enough if {
	count(request.deny) == 0 with input as json.patch(with_reason("the checkout query is slow"), [{"op": "replace", "path": "/grant/ticket", "value": "INC-4211"}])
}

test_other_roles_need_no_ticket if {
	count(request.deny) == 0 with input as json.patch(with_reason("the checkout query is slow"), [{"op": "replace", "path": "/role/name", "value": "staging-db-read"}])
}

test_twelve_hours_warn if {
	count(request.deny) == 0 with input as with_seconds(43200)
	request.warn == {"access for more than 4 hours: would less do?"} with input as with_seconds(43200)
}

test_more_than_twelve_hours_are_for_security if {
	request.deny == {{"msg": "access for more than 12 hours", "approvals": lift}} with input as with_seconds(43201)
}

test_a_fifth_grant_passes if {
	count(request.deny) == 0 with input as with_live(4)
}

test_a_sixth_grant_is_denied if {
	request.deny == {"alice holds 5 live grants already: end one first (at most 5)"} with input as with_live(5)
}
