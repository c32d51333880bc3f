package auth

import (
	"context"
	"net/http"

	"portico.internal/modules/users"
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
	}
	if h == nil || !h.closed {
		list = append(list, web.Post("/api/auth/register", web.Public, h.register, web.Status(http.StatusCreated), web.Summary("Make an account")))
	}
	return list
}

func (h *handler) login(ctx context.Context, in *struct{ Form credentials }) (*accessToken, error) {
	token, err := h.service.login(ctx, in.Form.Username, in.Form.Password)
	return &accessToken{token, "bearer"}, err
}

func (h *handler) register(ctx context.Context, in *struct{ Body registration }) (*users.UserOut, error) {
	user, err := h.service.register(ctx, in.Body)
	return &user, err
}
