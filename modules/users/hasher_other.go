//go:build !linux

package users

import "errors"

// giveWay fails, as there is no portable way to lower the priority of one thread.
func giveWay() error { return errors.ErrUnsupported }
