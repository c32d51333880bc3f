package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/turns"
	"portico.internal/platform/web"
)

const (
	window        = time.Minute
	addressFactor = 10  // an address may fail this many times as often as one account from it
	sweep         = 100 // failures that are over, which each new one takes away

	maxWaiting = 256
	maxWait    = 20 * time.Second
)

// throttle bounds failed logins: in any minute so many for an account from one address, and ten times as many from one
// address for all accounts, at all replicas together. As the address is part of both, nobody can lock an owner out from
// elsewhere.
//
// Failures are rows of the database, written where a password was wrong and read before one is looked at, so that a
// refused attempt costs no hash. An attempt takes a place in its process meanwhile, of which there are as many as may
// fail. Attempts that overlap stand in the order in which they are decided: those that fail are counted one by one, and
// from the one that is too many on they are refused, whatever the password was.
type throttle struct {
	perAccount, perAddress int // 0 turns throttling off
	secret                 []byte
	db                     *gorm.DB
	places                 turns.Turns // in this process
}

// newThrottle makes a throttle. The secret must be the same in all replicas.
func newThrottle(failuresPerMinute int, secret []byte, db *gorm.DB) *throttle {
	return &throttle{
		perAccount: failuresPerMinute, perAddress: failuresPerMinute * addressFactor, secret: secret, db: db,
		places: turns.Turns{Patience: maxWait, Queue: maxWaiting, Busy: errBusy},
	}
}

// attempt is one try to log in that was let through.
type attempt struct {
	throttle         *throttle
	address, account string      // keys; an account is one from this address
	leave            func(error) // gives the place back, with what the attempt has failed with

	full string // the key of the count that is full
	told bool   // and whether that has been told in this minute
}

// begin lets an attempt pass, to be ended by leave. It fails with errs.TooManyRequests, and after how long to try again,
// when there were too many failures, for which the attempt is returned all the same, and with errs.Unavailable when too many attempts are waiting, or one has waited for
// too long, for others to be decided. Those who wait for one that hung fail as it did.
func (t *throttle) begin(ctx context.Context, account string, from netip.Addr) (*attempt, error) {
	if t.perAccount == 0 {
		return &attempt{throttle: t, leave: func(error) {}}, nil
	}
	address := web.Network(from).String()
	a := &attempt{throttle: t, address: t.key("address", address), account: t.key("account", address, account)}
	var err error
	if a.leave, err = t.places.Take(ctx, turns.Key{Name: a.account, Limit: t.perAccount}, turns.Key{Name: a.address, Limit: t.perAddress}); err != nil {
		return nil, err
	}
	if err := a.allowed(t.db.WithContext(ctx)); err != nil {
		a.leave(err)
		return a, err
	}
	return a, nil
}

func errBusy() error {
	return errs.New(errs.Unavailable, "Too many logins at once, try again later").Retry(5 * time.Second)
}

// allowed fails as begin does when there have been too many failures by now, counted by any replica.
func (a *attempt) allowed(db *gorm.DB) error {
	if a.throttle.perAccount == 0 {
		return nil
	}
	return a.look(db)
}

// fail counts the attempt as a failure for a minute from now, also when ctx has ended, with what record does in the same
// transaction. It fails as begin does when others have brought the count to its bound meanwhile.
func (a *attempt) fail(ctx context.Context, record func(tx *gorm.DB) error) error {
	return database.Write(context.WithoutCancel(ctx), a.throttle.db, func(tx *gorm.DB) error {
		if a.throttle.perAccount == 0 {
			return record(tx)
		}
		if err := a.turn(tx); err != nil {
			return err
		}
		for {
			counted := tx.Exec(countFailure, a.values(tx))
			switch {
			case counted.Error != nil:
				return counted.Error
			case counted.RowsAffected == 1:
				return errors.Join(record(tx), a.sweep(tx))
			}
			if err := a.look(tx); err != nil { // else one is over by now
				return err
			}
		}
	})
}

// refused runs record in a transaction, unless one of any replica has in this minute for the same count that is full. So
// what a crowd of attempts leaves behind is bounded by the time it takes.
func (a *attempt) refused(ctx context.Context, record func(tx *gorm.DB) error) error {
	if a.told {
		return nil
	}
	return database.Write(context.WithoutCancel(ctx), a.throttle.db, func(tx *gorm.DB) error {
		if err := a.turn(tx); err != nil {
			return err
		}
		first := tx.Exec(tellOnce, a.values(tx))
		if first.Error != nil || first.RowsAffected == 0 {
			return first.Error
		}
		return record(tx)
	})
}

// turn has the failures from one address counted one after the other: PostgreSQL's statements do not see what others
// have not committed. On SQLite any two writers are.
func (a *attempt) turn(tx *gorm.DB) error {
	if !database.IsPostgres(tx) {
		return nil
	}
	return tx.Exec("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", "portico login "+a.address).Error
}

const (
	countFailure = `INSERT INTO login_failures (id, address_key, account_key, failed_at)
		SELECT @id, @address, @account, @now
		WHERE (SELECT count(*) FROM login_failures WHERE address_key = @address AND failed_at > @now - @window) < @per_address
		AND (SELECT count(*) FROM login_failures WHERE address_key = @address AND account_key = @account AND failed_at > @now - @window) < @per_account`

	// A count is full from the failure on that has as many as may be after it.
	fullSince = `SELECT @now AS now,
		(SELECT failed_at FROM login_failures WHERE address_key = @address AND failed_at > @now - @window
			ORDER BY failed_at DESC LIMIT 1 OFFSET @per_address - 1) AS address,
		(SELECT failed_at FROM login_failures WHERE address_key = @address AND account_key = @account AND failed_at > @now - @window
			ORDER BY failed_at DESC LIMIT 1 OFFSET @per_account - 1) AS account,
		(SELECT count(*) > 0 FROM login_failures WHERE address_key = @address_told AND failed_at > @now - @window) AS address_told,
		(SELECT count(*) > 0 FROM login_failures WHERE address_key = @account_told AND failed_at > @now - @window) AS account_told`

	// That a count is full has a row as well, under a key of its own.
	tellOnce = `INSERT INTO login_failures (id, address_key, account_key, failed_at)
		SELECT @id, @full_told, @full_told, @now
		WHERE NOT EXISTS (SELECT 1 FROM login_failures WHERE address_key = @full_told AND failed_at > @now - @window)`

	sweepFailures = `DELETE FROM login_failures WHERE id IN
		(SELECT id FROM login_failures WHERE failed_at <= @now - @window ORDER BY failed_at LIMIT @sweep`
)

func (a *attempt) values(tx *gorm.DB) map[string]any {
	return map[string]any{
		"id": uuid.NewString(), "address": a.address, "account": a.account, "now": databaseTime(tx), "window": window.Microseconds(),
		"address_told": a.throttle.key("told", a.address), "account_told": a.throttle.key("told", a.account), "full_told": a.throttle.key("told", a.full),
		"per_address": a.throttle.perAddress, "per_account": a.throttle.perAccount, "sweep": sweep,
	}
}

// look fails with errs.TooManyRequests while one of the two counts is full.
func (a *attempt) look(tx *gorm.DB) error {
	var full struct {
		Now                      int64
		Address, Account         *int64
		AddressTold, AccountTold bool
	}
	if err := tx.Raw(fullSince, a.values(tx)).Scan(&full).Error; err != nil {
		return err
	}
	var after time.Duration
	for _, since := range []*int64{full.Address, full.Account} {
		if since != nil {
			after = max(after, window-time.Duration(full.Now-*since)*time.Microsecond)
		}
	}
	if after <= 0 {
		return nil
	}
	a.full, a.told = a.account, full.AccountTold
	if full.Address != nil { // whatever the account: there may be any number of them
		a.full, a.told = a.address, full.AddressTold
	}
	return errs.New(errs.TooManyRequests, "Too many failed logins, try again later").Retry(after)
}

// sweep takes away failures that are over. What somebody else is at is left to them.
func (a *attempt) sweep(tx *gorm.DB) error {
	statement := sweepFailures
	if database.IsPostgres(tx) {
		statement += " FOR UPDATE SKIP LOCKED"
	}
	return tx.Exec(statement+")", a.values(tx)).Error
}

// key stands for an address, or an account from it, in the database: who reads that does not learn which. The account may
// be a password typed into the wrong field.
func (t *throttle) key(kind string, parts ...string) string {
	mac := hmac.New(sha256.New, t.secret)
	fmt.Fprintf(mac, "%s %q", kind, parts)
	return hex.EncodeToString(mac.Sum(nil))
}

// databaseTime is the time in SQL by the one clock that all replicas share, in microseconds since 1970. Whoever uses a
// file of SQLite is on the machine that has it.
func databaseTime(tx *gorm.DB) any {
	if database.IsPostgres(tx) {
		return gorm.Expr("(extract(epoch FROM statement_timestamp()) * 1000000)::bigint")
	}
	return time.Now().UnixMicro()
}
