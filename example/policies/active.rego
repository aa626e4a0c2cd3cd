# Asked of each live grant on every reconcile: what is in deny or violation ends it at once. Nothing lifts it.
package active

# Put people who leave into the group departed of people.yaml: whatever they hold ends with the next reconcile.
deny contains msg if {
	"departed" in input.person.groups
	msg := sprintf("%s has left", [input.person.login])
}
