package names

import (
	"fmt"
	"strings"
)

var (
	login        = alphabet{"login", alnum, alnum + "-_", 39, "letters, digits and hyphens, a letter or digit first"}
	organization = alphabet{"organization", alnum, alnum + "-", 39, "letters, digits and hyphens, a letter or digit first"}
	teamSlug     = alphabet{"team", lowDig + "_", lowDig + "-_", 255, "lower-case letters, digits, hyphens and underscores, as in the team's address"}
	repoName     = alphabet{"repository name", alnum + "._-", alnum + "._-", 100, "letters, digits, dots, hyphens and underscores"}
	sha          = alphabet{"commit", digits + "abcdef", digits + "abcdef", 40, "40 lower-case hexadecimal digits"}
	branch       = alphabet{"branch", alnum + "_.@", alnum + "._-/@", 200, "letters, digits and ._-/@, a letter or digit first"}
)

// Login accepts a GitHub login, at most 39 characters. An underscore stands only before the short code of an enterprise
// with managed users ("alice_acme"). Names of apps ("dependabot[bot]") are not logins of people and are refused.
// Source: https://docs.github.com/en/enterprise-cloud@latest/admin/managing-iam/iam-configuration-reference/username-considerations-for-external-authentication
func Login(s string) error {
	if err := login.check(s); err != nil {
		return err
	}
	i := strings.IndexByte(s, '_')
	if i < 0 {
		return nil
	}
	if j := strings.IndexAny(s[i+1:], "_-"); j >= 0 {
		return login.refuse(s, i+1+j, "after an underscore only an enterprise's short code may follow, of letters and digits")
	}
	if i == len(s)-1 {
		return login.refuse(s, i, "an enterprise's short code must follow an underscore")
	}
	return nil
}

// Organization accepts the login of a GitHub organization.
func Organization(s string) error { return organization.check(s) }

// TeamSlug accepts the slug of a team, which is its name as GitHub writes it in addresses; never its display name.
func TeamSlug(s string) error { return teamSlug.check(s) }

// RepositoryName accepts the name of a repository without its owner.
func RepositoryName(s string) error {
	if err := repoName.check(s); err != nil {
		return err
	}
	if s == "." || s == ".." {
		return fmt.Errorf("repository name %q names a folder, not a repository", s)
	}
	for _, suffix := range []string{".git", ".wiki", ".lock"} {
		if n := len(s) - len(suffix); n >= 0 && strings.EqualFold(s[n:], suffix) {
			return repoName.refuse(s, n, fmt.Sprintf("a repository's name does not end in %q", suffix))
		}
	}
	return nil
}

// Repository accepts "owner/name".
func Repository(s string) error {
	owner, name, ok := strings.Cut(s, "/")
	if !ok {
		return fmt.Errorf(`repository %s: want "owner/name"`, show(s))
	}
	if err := Login(owner); err != nil {
		return fmt.Errorf("repository %s: owner: %w", show(s), err)
	}
	if err := RepositoryName(name); err != nil {
		return fmt.Errorf("repository %s: %w", show(s), err)
	}
	return nil
}

// SHA accepts a full SHA-1 object name as git prints it.
func SHA(s string) error {
	if err := sha.check(s); err != nil {
		return err
	}
	if len(s) != 40 {
		return fmt.Errorf("commit %s is %d characters long: want %s", show(s), len(s), sha.want)
	}
	return nil
}

// Branch accepts a branch name without "refs/heads/": an ASCII subset of what git check-ref-format(1) allows, and nothing
// that git or an API could take for another kind of name (HEAD, an object name, a full ref).
func Branch(s string) error {
	if err := branch.check(s); err != nil {
		return err
	}
	if s == "HEAD" || s == "@" || strings.HasPrefix(s, "refs/") || SHA(s) == nil {
		return fmt.Errorf("branch %s: git takes it for another kind of name", show(s))
	}
	start := 0
	for part := range strings.SplitSeq(s, "/") {
		if err := branchPart(s, part, start); err != nil {
			return err
		}
		start += len(part) + 1
	}
	return nil
}

func branchPart(s, part string, start int) error {
	switch {
	case part == "" && start == len(s):
		return branch.refuse(s, start-1, "a branch does not end in a slash")
	case part == "":
		return branch.refuse(s, start, "two slashes in a row")
	case part[0] == '.':
		return branch.refuse(s, start, "no part of a branch starts with a dot")
	case part[0] == '-':
		return branch.refuse(s, start, "no part of a branch starts with a hyphen")
	case strings.Contains(part, ".."):
		return branch.refuse(s, start+strings.Index(part, ".."), "two dots in a row")
	case strings.HasSuffix(part, "."):
		return branch.refuse(s, start+len(part)-1, "no part of a branch ends in a dot")
	case strings.HasSuffix(strings.ToLower(part), ".lock"):
		return branch.refuse(s, start+len(part)-len(".lock"), `no part of a branch ends in ".lock"`)
	}
	return nil
}
