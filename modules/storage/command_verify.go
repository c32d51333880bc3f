package storage

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"portico.internal/platform/module"
)

func verifyCommand(run module.Runner) *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Read every file and compare it with its recorded hash", Args: cobra.NoArgs,
		Long: "Reads every file where it lies and compares it with its recorded hash. Changes nothing; gateways may run meanwhile.\n\n" +
			"Lists what is wrong. Exit code: 0 all is well, 1 something is not.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(cmd.Context(), func(c Config, e *engine) error {
				if err := c.here(); err != nil {
					return err
				}
				return e.check(cmd.Context(), cmd.OutOrStdout())
			})
		},
	}
}

// check reads every object and lists those that are not what the catalogue says. It fails when there are any.
func (e *engine) check(ctx context.Context, out io.Writer) error {
	var all struct{ Objects, Bytes int64 }
	err := e.db.WithContext(ctx).Model(&Object{}).Select("COUNT(*) AS objects, COALESCE(SUM(size), 0) AS bytes").Scan(&all).Error
	if err != nil {
		return err
	}
	s := Status{State: stateVerifying, Total: all.Objects, BytesTotal: all.Bytes}
	p := newProgress(out)
	var wrong int64
	after := ""
	err = stream(ctx, func(ctx context.Context) ([]Object, error) {
		var objects []Object
		err := e.db.WithContext(ctx).Where("key > ?", after).Order("key").Limit(page).Find(&objects).Error
		if len(objects) > 0 {
			after = objects[len(objects)-1].Key
		}
		return objects, err
	}, e.checkOne, func(_ context.Context, results []checked) error {
		for _, r := range results {
			if r.err != nil {
				wrong++
				p.end()
				fmt.Fprintf(out, "%s: %s\n", r.Key, told(r.err))
			}
			s.Done++
			s.BytesDone += r.Size
		}
		s.Failed = wrong
		p.show(s)
		return nil
	})
	p.end()
	switch {
	case err != nil:
		return err
	case wrong > 0:
		return &module.Exit{Code: 1, Err: fmt.Errorf("%d of %d files are not as they were stored", wrong, s.Done)}
	}
	fmt.Fprintf(out, "%d files, %s: all as they were stored\n", s.Done, module.Amount(s.BytesDone))
	return nil
}

type checked struct {
	Object
	err error
}

// checkOne reads an object. One that is deleted, written anew or moved meanwhile is looked up again.
func (e *engine) checkOne(ctx context.Context, o Object) checked {
	for attempt := 1; ; attempt++ {
		err := e.readObject(ctx, o)
		if err == nil {
			return checked{o, nil}
		}
		var now []Object
		if failed := e.db.WithContext(ctx).Where("key = ?", o.Key).Find(&now).Error; failed != nil {
			return checked{o, failed}
		}
		if len(now) == 0 {
			return checked{o, nil} // deleted
		}
		moved := now[0].BackendID != o.BackendID || now[0].Name != o.Name
		if attempt >= attempts && !moved || !moved && !mayPass(err) {
			return checked{o, err}
		}
		o = now[0]
		if err := pause(ctx, e.pace.retry); err != nil {
			return checked{o, err}
		}
	}
}

func (e *engine) readObject(ctx context.Context, o Object) error {
	b, err := e.backends.get(ctx, o.BackendID)
	if err != nil {
		return err
	}
	return intact(ctx, b, o.Name, o, func(r io.Reader) io.Reader { return r })
}
