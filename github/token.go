package github

import "context"

// GitToken is a token for git over HTTPS, good for at least some minutes: the one given, or one of the app's installation.
func (c *Client) GitToken(ctx context.Context) (string, error) {
	if c.tr.app == nil {
		return c.tr.token, nil
	}
	return c.tr.app.token(ctx, false)
}
