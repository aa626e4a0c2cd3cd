package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
)

const aliceGrant = "grants/alice-prod.yaml"

// grantFile is what a person writes by hand.
func grantFile(user, role, duration, reason string) string {
	return fmt.Sprintf("user: %s\nrole: %s\nduration: %s\nreason: %s\n", user, role, duration, reason)
}

// propose pushes one grant to a branch and opens a pull request for it.
func (d *demo) propose(who, branch, path, text string) (int, error) {
	a := d.As(who)
	if _, err := a.PushFiles(stage.Repo, branch, "main", map[string]string{path: text}, "Request "+path); err != nil {
		return 0, err
	}
	return a.OpenPull(stage.Repo, branch, "Request "+path)
}

func (d *demo) begin() error {
	d.title("An access repository")
	d.say("acme/access says who may ask for what. This role reads the orders database:")
	role, _ := d.File(stage.Repo, "main", "roles/prod-db-read.yaml")
	d.show(role)
	d.say("Lapse begins its ledger, once:")
	return d.lapse(exitFine, "reconcile", "--init")
}

func (d *demo) deniedByPolicy() error {
	d.title("alice asks, and a policy denies it")
	text := grantFile("alice", "prod-db-read", "10s", "debug")
	n, err := d.propose("alice", "alice-prod", aliceGrant, text)
	if err != nil {
		return err
	}
	d.say("alice opens pull request #%d with %s:", n, aliceGrant)
	d.show(text)
	d.say("The workflow judges it:")
	return d.lapse(exitRefused, "check", "--pull", fmt.Sprint(n), "--publish")
}

func (d *demo) approved() error {
	d.title("alice says why, and carol approves")
	text := grantFile("alice", "prod-db-read", "10s", "Slow checkout query, INC-4211")
	if _, err := d.As("alice").PushFiles(stage.Repo, "alice-prod", "", map[string]string{aliceGrant: text}, "Say why"); err != nil {
		return err
	}
	if err := d.lapse(exitRefused, "check", "--pull", "1", "--publish"); err != nil {
		return err
	}
	if _, err := d.As("carol").Review(stage.Repo, 1, "APPROVE", "Go ahead"); err != nil {
		return err
	}
	d.say("carol, of @acme/data-platform, approves. The role says `merge: auto`, so check merges:")
	if err := d.lapse(exitFine, "check", "--pull", "1", "--publish"); err != nil {
		return err
	}
	d.say("What people see on the pull request, one comment redrawn in place:")
	for _, c := range d.Pull(stage.Repo, 1).Comments {
		d.show(c.Body)
	}
	return nil
}

func (d *demo) given() error {
	d.title("The reconciler finds the merge, judges the reviews itself, and gives")
	if err := d.lapse(exitFine, "reconcile"); err != nil {
		return err
	}
	return d.holders("alice")
}

func (d *demo) expires() error {
	d.title("Ten seconds later the access is over")
	pull := d.Pull(stage.Repo, 1)
	if err := d.until(pull.MergedAt.Add(10 * time.Second)); err != nil {
		return err
	}
	if err := d.lapse(exitFine, "reconcile"); err != nil {
		return err
	}
	d.say("The file is gone from main, by a signed commit made only after the targets were read back.")
	return d.holders()
}

// holders shows what the targets themselves say, and insists that it is what was promised.
func (d *demo) holders(want ...string) error {
	vault, err := os.ReadFile(d.Vault)
	if err != nil {
		return err
	}
	team := d.Members(stage.Org, "prod-oncall")
	d.say("The targets say: the members of team prod-oncall are %v; the vault holds:", team)
	d.show(string(vault))
	if strings.Join(team, " ") != strings.Join(want, " ") {
		return fmt.Errorf("team prod-oncall has %v, want %v", team, want)
	}
	for _, who := range []string{"alice", "bob", "mallory"} {
		if held, wanted := strings.Contains(string(vault), who), strings.Contains(strings.Join(want, " "), who); held != wanted {
			return fmt.Errorf("the vault shows %s: %v, want %v", who, held, wanted)
		}
	}
	return d.pause()
}

func (d *demo) selfApproval() error {
	d.title("Attack: a friend opens it, and the subject approves")
	n, err := d.propose("bob", "for-mallory", "grants/mallory.yaml", grantFile("alice", "prod-db-read", "4h", "Slow checkout query, INC-4212"))
	if err != nil {
		return err
	}
	for _, who := range []string{"bob", "alice"} {
		_, err := d.As(who).Review(stage.Repo, n, "APPROVE", "LGTM")
		d.say("%s approves: %s", who, answer(err))
	}
	return d.lapse(exitRefused, "check", "--pull", fmt.Sprint(n))
}

func answer(err error) string {
	if err == nil {
		return "GitHub takes it"
	}
	return "GitHub says " + err.Error()
}

func (d *demo) directPush() error {
	d.title("Attack: mallory, an admin, pushes a grant straight to main")
	text := grantFile("bob", "prod-db-read", "4h", "Slow checkout query, INC-4213")
	if _, err := d.As("mallory").PushFiles(stage.Repo, "main", "", map[string]string{"grants/bob.yaml": text}, "Emergency"); err != nil {
		return err
	}
	if err := d.lapse(exitRefused, "reconcile"); err != nil {
		return err
	}
	if _, err := d.As("mallory").PushFiles(stage.Repo, "main", "", map[string]string{"grants/bob.yaml": ""}, "Never mind"); err != nil {
		return err
	}
	return d.holders()
}

func (d *demo) pushAfterApproval() error {
	d.title("Attack: approval first, then another push, then a merge with the check red")
	n, err := d.propose("alice", "alice-again", "grants/alice-again.yaml", grantFile("alice", "prod-db-read", "1h", "Slow checkout query, INC-4214"))
	if err != nil {
		return err
	}
	if _, err := d.As("carol").Review(stage.Repo, n, "APPROVE", "For an hour, fine"); err != nil {
		return err
	}
	longer := grantFile("alice", "prod-db-read", "4h", "Slow checkout query, INC-4214")
	if _, err := d.As("alice").PushFiles(stage.Repo, "alice-again", "", map[string]string{"grants/alice-again.yaml": longer}, "A bit longer"); err != nil {
		return err
	}
	d.say("carol approved one hour; alice then made it four, and mallory merges it all the same.")
	if err := d.lapse(exitRefused, "check", "--pull", fmt.Sprint(n)); err != nil {
		return err
	}
	if _, err := d.As("mallory").Merge(stage.Repo, n, "squash"); err != nil {
		return err
	}
	if err := d.lapse(exitRefused, "reconcile"); err != nil {
		return err
	}
	return d.holders()
}

func (d *demo) history() error {
	d.title("Git history is the audit trail")
	repo := d.RepoDir(stage.Repo)
	for _, branch := range []string{"main", "lapse-ledger"} {
		args := []string{"--git-dir", repo, "log", "--format=%h %an: %s", branch}
		out, err := exec.CommandContext(d.ctx, "git", args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("git log: %w: %s", err, out)
		}
		fmt.Fprintf(d.out, "   $ git log --format='%%h %%an: %%s' %s\n", branch)
		d.show(string(out))
	}
	return nil
}

// verified is what an auditor does, who believes neither GitHub nor what was shown until here.
func (d *demo) verified() error {
	d.title("An auditor judges all of it again")
	dir, err := os.MkdirTemp("", "lapse-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	clone := filepath.Join(dir, "access")
	if out, err := exec.CommandContext(d.ctx, "git", "clone", "-q", d.RepoDir(stage.Repo), clone).CombinedOutput(); err != nil {
		return fmt.Errorf("git clone: %w: %s", err, out)
	}
	d.say("From a plain clone, with nobody asked. What mallory pushed past the rules is found, though it gave nothing:")
	return d.lapse(exitRefused, "verify", "--offline", "--dir", clone)
}
