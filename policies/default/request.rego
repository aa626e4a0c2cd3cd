# Asked of each request: what is in deny or violation stands against it until it is changed or lifted, what is in warn is
# shown to the approvers. Roles say who may hold what; these are the rules that are the same for every role. Change them as
# you like. Try them with: conftest test --namespace request --policy policies input.json
package request

# Seconds, as in input.grant.duration_seconds.
hour := 3600

long := 4 * hour

working_day := 12 * hour

most_grants := 5

shortest_reason := 10

# Words that say nothing about why someone needs access.
placeholders := {
	"access", "asap", "asdf", "because", "debug", "debugging", "dummy", "fix", "for", "i", "it", "n/a", "na", "need",
	"needed", "none", "now", "please", "pls", "reason", "reasons", "see", "tbd", "temp", "test", "testing", "the",
	"this", "ticket", "to", "todo", "urgent", "urgently", "work", "x", "xxx",
}

# The reason is what the approvers decide by, and what the auditor reads years later.
deny contains msg if {
	count(trim_space(input.grant.reason)) < shortest_reason
	msg := sprintf("the reason is shorter than %d characters: say what you need the access for", [shortest_reason])
}

deny contains msg if {
	every word in words {
		word in placeholders
	}
	msg := "the reason says nothing: say what you need the access for"
}

words contains word if {
	some word in regex.split(`[\s.,;:!?-]+`, lower(input.grant.reason))
	word != ""
}

# Access to production belongs to a ticket; without one, security may still let it pass.
deny contains {"msg": msg, "approvals": {"from": ["group:security"], "count": 1}} if {
	production
	not referenced
	msg := sprintf("role %s needs a ticket, or one named in the reason (like INC-4211)", [input.role.name])
}

production if startswith(input.role.name, "prod-")

referenced if input.grant.ticket != ""

referenced if regex.match(`\b[A-Z][A-Z0-9]+-[0-9]+\b`, input.grant.reason)

# More than a working day is for security to decide.
deny contains {"msg": msg, "approvals": {"from": ["group:security"], "count": 1}} if {
	input.grant.duration_seconds > working_day
	msg := sprintf("access for more than %d hours", [working_day / hour])
}

# input.live are the person's other live grants, without the one that is asked for.
deny contains msg if {
	count(input.live) >= most_grants
	msg := sprintf("%s holds %d live grants already: end one first (at most %d)", [input.person.login, count(input.live), most_grants])
}

warn contains msg if {
	input.grant.duration_seconds > long
	msg := sprintf("access for more than %d hours: would less do?", [long / hour])
}
