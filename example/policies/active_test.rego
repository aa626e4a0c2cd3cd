package active_test

import data.active

test_nothing_ends_the_grant_of_someone_who_is_here if {
	count(active.deny) == 0 with input as {"person": {"login": "alice", "groups": ["security"]}}
}

test_nothing_ends_the_grant_of_someone_without_groups if {
	count(active.deny) == 0 with input as {"person": {"login": "alice", "groups": []}}
}

test_a_grant_ends_when_its_person_has_left if {
	active.deny == {"alice has left"} with input as {"person": {"login": "alice", "groups": ["departed", "security"]}}
}
