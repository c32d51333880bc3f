// Package upstream calls the feature services behind the gateway: by name, bounded in number, without redirects, and
// with failures that name neither host nor cause to the client.
package upstream

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"portico.internal/platform/config"
)

// Service is a feature service as the configuration names it.
type Service = config.Service

// Registry holds one [Client] for each service.
type Registry struct {
	services []Service
	clients  map[string]*Client
	seconds  *prometheus.HistogramVec
}

// NewRegistry makes the clients of the services, whose ids must be unique and whose URLs absolute.
func NewRegistry(services []Service, options ...Option) (*Registry, error) {
	r := &Registry{services: services, clients: make(map[string]*Client, len(services)), seconds: newSeconds()}
	for _, s := range services {
		base, err := url.Parse(s.URL)
		switch {
		case err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https":
			return nil, fmt.Errorf("service %s: the url must be http://host or https://host", s.ID)
		case base.User != nil || base.RawQuery != "" || base.Fragment != "":
			return nil, fmt.Errorf("service %s: the url must have no user, query or fragment", s.ID)
		case r.clients[s.ID] != nil:
			return nil, fmt.Errorf("service %s is there twice", s.ID)
		}
		base.Path, base.RawPath = strings.TrimRight(base.Path, "/"), strings.TrimRight(base.RawPath, "/")
		r.clients[s.ID] = newClient(s, base, r.seconds.MustCurryWith(prometheus.Labels{"service": s.ID}), options)
	}
	return r, nil
}

// Lookup returns the client of the service with that id.
func (r *Registry) Lookup(id string) (*Client, bool) {
	c, ok := r.clients[id]
	return c, ok
}

// Services lists the services in the order of the configuration.
func (r *Registry) Services() []Service { return r.services }

// Close closes the idle connections.
func (r *Registry) Close() {
	for _, c := range r.clients {
		c.transport.CloseIdleConnections()
	}
}
