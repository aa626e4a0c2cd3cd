package grants

import "net/url"

// TargetType describes one type of target to the loader: what lapse.yaml may say of it and what its entitlements look like.
// It is data; the package that talks to the target provides it, and cmd/lapse lists them.
type TargetType struct {
	Name         string  // the value of `type` in lapse.yaml
	Settings     []Field // keys beside `type` in lapse.yaml
	Entitlements []Form  // the shapes an entitlement may have
	// AccountsAreIDs: an account at this target is the person's numeric GitHub id, never an entry of people.yaml's accounts.
	AccountsAreIDs bool
	// LoginIsAccount: a person without an entry in people.yaml's accounts is known here by their GitHub login.
	LoginIsAccount bool
	// CheckAccount is the one validator of account names at this target.
	CheckAccount func(string) error
	// Native: the target itself honours an end that was written there, whether Lapse runs or not.
	Native bool
	// OnGitHub says which team, as "@org/team", or which repository, as "owner/name", an entitlement is about, by the settings of its
	// target and its own values; "" for neither. Nil: entitlements here are about nothing on GitHub.
	OnGitHub func(settings, values map[string]string) string
	// End says in words who guarantees the end of a holding here, and what may outlive it; shown to approvers.
	End string
}

// Form is one shape of an entitlement, known by its first field, which no other form of the type has.
type Form []Field

// Field is one key. Its value is text that Check accepts.
type Field struct {
	Key      string
	Doc      string
	Optional bool
	Secret   bool     // the value must be "${NAME}", whole
	Values   []string // if set, the only values
	Check    func(string) error
}

// Types are the types of target known to this program, by name.
type Types map[string]TargetType

// OnGitHub is the team or the repository that an entitlement of the configuration is about, as [TargetType] says; "" for neither.
func (ts Types) OnGitHub(c *Configuration, e Entitlement) string {
	t := c.Config.Targets[e.Target]
	if about := ts[t.Type].OnGitHub; about != nil {
		return about(t.Settings, e.Values)
	}
	return ""
}

// Key identifies the entitlement: its target and values in canonical order, escaped so that no two are alike.
func (e Entitlement) Key() string {
	v := url.Values{}
	for k, s := range e.Values {
		v.Set(k, s)
	}
	return e.Target + "?" + v.Encode()
}
