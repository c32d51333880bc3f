package auth

import (
	"context"
	"net/http"

	"portico.internal/modules/users"
	"portico.internal/platform/identity"
	"portico.internal/platform/web"
)

type handler struct {
	service *service
	closed  bool // to registration
}

func newHandler(s *service, c Config) *handler { return &handler{s, c.Registration == "closed"} }

// routes leaves registration out where it is closed, so that nothing tells its path from an unknown one.
func (h *handler) routes() []web.Route {
	list := []web.Route{
		web.Post("/api/auth/login", web.Public, h.login, web.Summary("Get a token for an e-mail address and a password")),
		web.Post("/api/auth/reset", web.Public, h.resetPassword, web.Summary("Set a password with the token an administrator has had made")),
		web.Post("/api/auth/logout-all", web.User, h.logoutAll, web.Summary("End the caller's sessions; the reply holds a token to go on with")),
		web.Post("/api/users/me/password", web.User, h.changePassword, web.Summary("Change the caller's password and end all sessions; the reply holds a token to go on with")),
	}
	if h == nil || !h.closed {
		list = append(list, web.Post("/api/auth/register", web.Public, h.register, web.Status(http.StatusCreated), web.Summary("Make an account")))
	}
	return list
}

func (h *handler) login(ctx context.Context, in *struct{ Form credentials }) (*accessToken, error) {
	return h.service.login(ctx, in.Form.Username, in.Form.Password)
}

func (h *handler) register(ctx context.Context, in *struct{ Body registration }) (*users.UserOut, error) {
	user, err := h.service.register(ctx, in.Body)
	return &user, err
}

func (h *handler) resetPassword(ctx context.Context, in *struct{ Body passwordReset }) (*accessToken, error) {
	return h.service.resetPassword(ctx, in.Body.Token, in.Body.NewPassword)
}

func (h *handler) changePassword(ctx context.Context, in *struct{ Body passwordChange }) (*accessToken, error) {
	return h.service.changePassword(ctx, identity.From(ctx), in.Body.CurrentPassword, in.Body.NewPassword)
}

func (h *handler) logoutAll(ctx context.Context, _ *web.None) (*accessToken, error) {
	return h.service.logoutAll(ctx, identity.From(ctx))
}
