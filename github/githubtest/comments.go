package githubtest

import (
	"slices"
	"strconv"
	"time"
)

// comment is one of an issue's or a pull request's conversation.
type comment struct {
	id      int64
	issue   *issue
	author  *account
	app     *app
	body    string
	created time.Time
	updated time.Time
}

const maxComment = 65536

func (x *exchange) listComments() (reply, error) {
	i, err := x.issueFor("read", readRole)
	if err != nil {
		return reply{}, err
	}
	list := i.comments
	if since, err := time.Parse(time.RFC3339, x.query("since")); err == nil {
		list = slices.DeleteFunc(slices.Clone(list), func(c *comment) bool { return c.updated.Before(since) })
	}
	return listOf(x, list, x.commentJSON)
}

func (x *exchange) createComment() (reply, error) {
	i, err := x.issueFor("write", readRole)
	if err != nil {
		return reply{}, err
	}
	body, err := x.commentBody()
	if err != nil {
		return reply{}, err
	}
	at := x.tick()
	c := &comment{id: x.newID(), issue: i, author: x.who.account, app: x.who.app, body: body, created: at, updated: at}
	i.comments = append(i.comments, c)
	i.updated = at
	return created(x.commentJSON(c))
}

func (x *exchange) commentBody() (string, error) {
	var ask struct{ Body string }
	if err := x.decode(&ask); err != nil {
		return "", err
	}
	if ask.Body == "" {
		return "", invalid("issues/comments#create-an-issue-comment", fieldError{Resource: "IssueComment", Code: "custom", Field: "body", Message: "body can't be blank"})
	}
	if len([]rune(ask.Body)) > maxComment {
		return "", invalid("issues/comments#create-an-issue-comment",
			fieldError{Resource: "IssueComment", Code: "custom", Field: "body", Message: "body is too long (maximum is 65536 characters)"})
	}
	return ask.Body, nil
}

func (x *exchange) commentFor(level string) (*comment, error) {
	r, err := x.repoFor(x.issuePermission(), level, readRole)
	if err != nil {
		return nil, err
	}
	id, _ := strconv.ParseInt(x.path("id"), 10, 64)
	for _, i := range r.issues {
		for _, c := range i.comments {
			if c.id == id {
				return c, nil
			}
		}
	}
	return nil, notFound("issues/comments#get-an-issue-comment")
}

// mayChange is for the author, for those who can write to the repository, and for any App that may write issues.
func (x *exchange) mayChange(c *comment) error {
	if c.author == x.who.account || x.who.app != nil || x.roleIn(x.who, c.issue.repo) >= writeRole {
		return nil
	}
	return forbidden("Must have admin rights to Repository.", "issues/comments#update-an-issue-comment")
}

func (x *exchange) getComment() (reply, error) {
	c, err := x.commentFor("read")
	if err != nil {
		return reply{}, err
	}
	return ok(x.commentJSON(c))
}

func (x *exchange) updateComment() (reply, error) {
	c, err := x.commentFor("write")
	if err != nil {
		return reply{}, err
	}
	if err := x.mayChange(c); err != nil {
		return reply{}, err
	}
	body, err := x.commentBody()
	if err != nil {
		return reply{}, err
	}
	c.body, c.updated = body, x.tick()
	return ok(x.commentJSON(c))
}

func (x *exchange) deleteComment() (reply, error) {
	c, err := x.commentFor("write")
	if err != nil {
		return reply{}, err
	}
	if err := x.mayChange(c); err != nil {
		return reply{}, err
	}
	x.tick()
	c.issue.comments = slices.DeleteFunc(c.issue.comments, func(o *comment) bool { return o == c })
	return noContent()
}
