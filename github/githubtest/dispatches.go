package githubtest

import (
	"encoding/json"
	"time"
)

// Dispatch is a workflow_dispatch or repository_dispatch that somebody asked for. The server runs no workflows.
type Dispatch struct {
	At       time.Time
	Who      string
	Workflow string // file name or id; "" for a repository dispatch
	Ref      string // of a workflow dispatch
	Event    string // event_type of a repository dispatch
	Inputs   map[string]any
	Payload  json.RawMessage
}

func (x *exchange) dispatchWorkflow() (reply, error) {
	const doc = "actions/workflows#create-a-workflow-dispatch-event"
	r, err := x.repoFor("actions", "write", writeRole)
	if err != nil {
		return reply{}, err
	}
	var ask struct {
		Ref    string
		Inputs map[string]any
	}
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	if x.resolve(r, ask.Ref) == "" {
		return reply{}, &apiError{status: 422, message: "No ref found for: " + ask.Ref, doc: doc}
	}
	r.dispatches = append(r.dispatches, Dispatch{At: x.tick(), Who: x.who.name(), Workflow: x.path("id"), Ref: ask.Ref, Inputs: ask.Inputs})
	return noContent()
}

func (x *exchange) dispatchRepository() (reply, error) {
	r, err := x.repoFor("contents", "write", writeRole)
	if err != nil {
		return reply{}, err
	}
	var ask struct {
		Event   string          `json:"event_type"`
		Payload json.RawMessage `json:"client_payload"`
	}
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	if ask.Event == "" {
		return reply{}, invalid("repos/repos#create-a-repository-dispatch-event", fieldError{Resource: "Dispatch", Code: "missing_field", Field: "event_type"})
	}
	r.dispatches = append(r.dispatches, Dispatch{At: x.tick(), Who: x.who.name(), Event: ask.Event, Payload: ask.Payload})
	return noContent()
}

// Dispatches lists the dispatches of a repository, oldest first.
func (s *Server) Dispatches(fullName string) []Dispatch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Dispatch(nil), s.mustRepo(fullName).dispatches...)
}
