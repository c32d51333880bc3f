package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"portico.internal/platform/module"
)

const (
	// look is how often the command looks how the migration goes on.
	look = 250 * time.Millisecond
	// deference is for how long the command leaves a migration to the gateways, which look for one every 5 s.
	deference = 6 * time.Second
)

// follow shows the running migration to its end, and does the work where no gateway does.
func (e *engine) follow(cmd *cobra.Command) error {
	e.pace.deference = deference
	if err := e.start(cmd.Context()); err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), deference)
		defer cancel()
		_ = e.stop(ctx)
	}()
	p := newProgress(cmd.OutOrStdout())
	for {
		s, err := e.status(cmd.Context())
		if cmd.Context().Err() != nil {
			p.end()
			return errors.New("no longer watched; a running gateway goes on with the migration, or the next one that starts")
		}
		if err == nil {
			p.show(*s)
			if s.FinishedAt != nil {
				p.end()
				return ended(cmd.OutOrStdout(), s)
			}
		}
		select {
		case <-cmd.Context().Done():
		case <-time.After(look):
		}
	}
}

// ended tells how a migration has ended.
func ended(out io.Writer, s *Status) error {
	for _, item := range s.Errors {
		fmt.Fprintf(out, "%s: %s: %s\n", item.Stage, subject(item), item.Message)
	}
	if s.ErrorsTruncated {
		fmt.Fprintln(out, "... and more")
	}
	switch s.State {
	case stateFailed:
		return &module.Exit{Code: 1, Err: errors.New("the migration has failed; the files are where they were, and started again it goes on from here")}
	case stateCancelled:
		return &module.Exit{Code: 2, Err: errors.New("the migration was cancelled; the files are where they were")}
	}
	return nil
}

func subject(item StatusItem) string {
	if item.Key == "" {
		return "the migration"
	}
	return item.Key
}
