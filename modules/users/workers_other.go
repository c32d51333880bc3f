//go:build !linux

package users

// There is no portable way to lower the priority of one thread.

func canGiveWay() bool   { return false }
func giveWay()           {}
func isMainThread() bool { return false }
