package githubtest

import (
	"fmt"
	"time"
)

// event is one entry of an issue's record of what happened to it
// (https://docs.github.com/rest/using-the-rest-api/issue-event-types). Of its kinds only those that move the base of a pull
// request are recorded.
type event struct {
	id    int64
	actor *account
	kind  string
	at    time.Time
}

func (x *exchange) listIssueEvents() (reply, error) {
	i, err := x.issueFor("read", readRole)
	if err != nil {
		return reply{}, err
	}
	return listOf(x, i.events, func(e *event) object {
		return object{
			"id": e.id, "node_id": nodeID("IssueEvent", e.id), "url": fmt.Sprintf("%s/issues/events/%d", x.repoURL(i.repo), e.id),
			"actor": x.userOrNil(e.actor), "event": e.kind, "commit_id": nil, "commit_url": nil, "created_at": stamp(e.at),
			"performed_via_github_app": nil,
		}
	})
}
