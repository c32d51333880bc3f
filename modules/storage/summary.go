package storage

import (
	"context"
	"fmt"
)

// summary tells a person where files are kept.
func (s *settings) summary(ctx context.Context) (string, error) {
	if s.backends.elsewhere {
		return "with an external storage service", nil
	}
	active, err := s.backends.active(ctx)
	if err != nil {
		return "", err
	}
	row, err := s.backends.rows.Get(ctx, active.id)
	if err != nil {
		return "", err
	}
	config, err := s.shown(row)
	if err != nil {
		return "", err
	}
	switch row.Kind {
	case kindS3:
		return fmt.Sprintf("S3, bucket %s", config["bucket"]), nil
	case kindAzure:
		return fmt.Sprintf("Azure, container %s", config["container"]), nil
	}
	return fmt.Sprintf("local, folder %s", config["root"]), nil
}
