package database

import (
	"database/sql/driver"
	"fmt"
	"time"
)

// Date is a day of the calendar, "2006-01-02", kept in a DATE column. It has no zone and no time of day.
type Date string

// ParseDate returns the date, or an error where there is no such day.
func ParseDate(text string) (Date, error) {
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		return "", fmt.Errorf("%q is not a date", text)
	}
	return Date(text), nil
}

// GormDataType names the column's type.
func (Date) GormDataType() string { return "date" }

// Value writes the date as text, which both databases take.
func (d Date) Value() (driver.Value, error) {
	if _, err := ParseDate(string(d)); err != nil {
		return nil, err
	}
	return string(d), nil
}

// Scan reads a DATE column.
func (d *Date) Scan(value any) (err error) {
	switch v := value.(type) {
	case time.Time:
		*d = Date(v.Format(time.DateOnly))
	case string:
		*d, err = ParseDate(v)
	default:
		err = fmt.Errorf("a date cannot be read from %T", value)
	}
	return err
}
