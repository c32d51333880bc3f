package users

import (
	"crypto/rand"
	"errors"
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	minPassword      = 8  // characters
	maxPasswordBytes = 72 // all that bcrypt looks at
	passwordSymbols  = "!@#$%^&*()-_=+[]{}|;:'\",.<>?/\\`~"
)

// commonWords are refused as part of a password, whatever the case and with letters swapped for look-alikes.
var commonWords = []string{
	"password", "passwd", "passwort", "secret", "login", "admin", "test", "qwerty", "qwertz", "azerty",
	"welcome", "letmein", "iloveyou", "changeme",
}

// swaps are the letters that a character commonly stands for besides itself.
var swaps = map[rune]string{'@': "a", '0': "o", '1': "li", '3': "e", '$': "s"}

// CheckPassword says which rule for new passwords is broken, the first one of several; nil when none is.
// The text of the error is made for the user and does not hold the password.
func CheckPassword(password string) error {
	has := func(is func(rune) bool) bool { return strings.IndexFunc(password, is) >= 0 }
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		return errors.New("Password must be at least 8 characters")
	case len(password) > maxPasswordBytes:
		return errors.New("Password must be at most 72 bytes")
	case strings.IndexByte(password, 0) >= 0:
		return errors.New("Password must not contain NUL characters")
	case !has(unicode.IsUpper):
		return errors.New("Password must contain at least one uppercase letter")
	case !has(unicode.IsLower):
		return errors.New("Password must contain at least one lowercase letter")
	case !has(unicode.IsDigit):
		return errors.New("Password must contain at least one digit")
	case !strings.ContainsAny(password, passwordSymbols):
		return errors.New("Password must contain at least one special character")
	case holdsCommonWord(password):
		return errors.New("Password must not contain a common word")
	}
	return nil
}

func holdsCommonWord(password string) bool {
	letters := make([]string, 0, len(password)) // of each character: all that it can be read as
	for _, r := range password {
		folded := unicode.ToLower(unicode.ToUpper(r))
		letters = append(letters, string(folded)+swaps[folded])
	}
	for _, word := range commonWords {
		for start := 0; start+len(word) <= len(letters); start++ {
			if spells(letters[start:], word) {
				return true
			}
		}
	}
	return false
}

func spells(letters []string, word string) bool {
	for i := range word {
		if strings.IndexByte(letters[i], word[i]) < 0 {
			return false
		}
	}
	return true
}

// fitsBcrypt says whether bcrypt would look at the whole password. It ignores what follows byte 72, and repeats short
// passwords around a NUL, so that different ones would pass for the same.
func fitsBcrypt(password string) bool {
	return len(password) <= maxPasswordBytes && strings.IndexByte(password, 0) < 0
}

// GeneratePassword makes a password that keeps the rules: 20 characters, about 115 bits, none that look alike.
func GeneratePassword() string {
	const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-_.+"
	size := big.NewInt(int64(len(alphabet)))
	for {
		password := make([]byte, 20)
		for i := range password {
			n, err := rand.Int(rand.Reader, size)
			if err != nil {
				panic(err) // crypto/rand does not fail
			}
			password[i] = alphabet[n.Int64()]
		}
		if CheckPassword(string(password)) == nil {
			return string(password)
		}
	}
}
