package docservice

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"portico.internal/platform/sanitize"
	"portico.internal/platform/web"
)

// Document is what clients see of a document.
type Document struct {
	ID             string    `json:"id"`
	Title          string    `json:"title" doc:"As given, else as the PDF says, else the file name"`
	Filename       string    `json:"filename"`
	ContentType    string    `json:"content_type"`
	Size           int64     `json:"size" doc:"Bytes"`
	SHA256         string    `json:"sha256" doc:"Of the content, lower-case hex"`
	Status         string    `json:"status" enum:"processing,ready,failed"`
	Pages          *int      `json:"pages" doc:"Null until the document is ready"`
	Error          *string   `json:"error" doc:"Why the document failed"`
	OwnerID        string    `json:"owner_id"`
	SharedGroupIDs []string  `json:"shared_group_ids"`
	CategoryIDs    []string  `json:"category_ids"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

const contentType = "application/pdf" // the only one that is taken in

func documentOut(l *listed) *Document {
	d := l.Document
	return &Document{
		ID: d.ID, Title: d.Title, Filename: d.Filename, ContentType: contentType, Size: d.Size, SHA256: d.SHA256,
		Status: d.Status, Pages: d.Pages, Error: d.Error, OwnerID: d.OwnerID,
		SharedGroupIDs: split(l.SharedGroupIDs), CategoryIDs: split(l.CategoryIDs),
		CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}
}

func split(list string) []string {
	if list == "" {
		return []string{}
	}
	return strings.Split(list, ",")
}

// DocumentStatus is what clients poll for after an upload.
type DocumentStatus struct {
	ID        string    `json:"id"`
	Status    string    `json:"status" enum:"processing,ready,failed"`
	Pages     *int      `json:"pages"`
	Error     *string   `json:"error"`
	UpdatedAt time.Time `json:"updated_at"`
}

// DocumentUpdate changes a document.
type DocumentUpdate struct {
	Title          web.Optional[string]   `json:"title,omitzero" maxLength:"255"`
	SharedGroupIDs web.Optional[[]string] `json:"shared_group_ids,omitzero" maxItems:"100" doc:"All groups that see the document"`
}

// Check implements [web.Checker].
func (u *DocumentUpdate) Check(c *web.Check) {
	if u.Title.Set {
		web.Apply(c, &u.Title.Value, required("Title", maxTitle), "title")
	}
	for i, id := range u.SharedGroupIDs.Value {
		if !groupIDForm.MatchString(id) {
			c.Fail(errors.New("not a group id"), "shared_group_ids", i)
		}
	}
	u.SharedGroupIDs.Value = unique(u.SharedGroupIDs.Value)
}

// CategoryOut is what clients see of a category.
type CategoryOut struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description *string   `json:"description"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

func categoryOut(c *category) *CategoryOut {
	return &CategoryOut{ID: c.ID, Name: c.Name, Description: c.Description, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt}
}

func categoriesOut(rows []category) []CategoryOut {
	out := make([]CategoryOut, len(rows))
	for i := range rows {
		out[i] = *categoryOut(&rows[i])
	}
	return out
}

// CategoryCreate makes a category.
type CategoryCreate struct {
	Name        string  `json:"name" maxLength:"128"`
	Description *string `json:"description,omitempty" maxLength:"512" nullable:"true"`
}

// Check implements [web.Checker].
func (b *CategoryCreate) Check(c *web.Check) {
	web.Apply(c, &b.Name, required("Name", maxName), "name")
	if b.Description != nil {
		web.Apply(c, b.Description, cleanDescription, "description")
	}
}

// CategoryUpdate changes a category.
type CategoryUpdate struct {
	Name        web.Optional[string] `json:"name,omitzero" maxLength:"128"`
	Description web.Optional[string] `json:"description,omitzero" maxLength:"512" nullable:"true"`
}

// Check implements [web.Checker].
func (b *CategoryUpdate) Check(c *web.Check) {
	if b.Name.Set {
		web.Apply(c, &b.Name.Value, required("Name", maxName), "name")
	}
	if b.Description.Set && !b.Description.Null {
		web.Apply(c, &b.Description.Value, cleanDescription, "description")
	}
}

// Assignments are all categories of a document.
type Assignments struct {
	CategoryIDs []string `json:"category_ids" maxItems:"100"`
}

// Check implements [web.Checker].
func (b *Assignments) Check(c *web.Check) {
	for i, id := range b.CategoryIDs {
		if b.CategoryIDs[i] = canonicalID(id); b.CategoryIDs[i] == "" {
			c.Fail(errors.New("not a category id"), "category_ids", i)
		}
	}
	b.CategoryIDs = unique(b.CategoryIDs)
}

// Classification is what a document belongs to once the AI has looked at it.
type Classification struct {
	CategoryIDs []string `json:"category_ids" doc:"All categories of the document, those it had before among them"`
}

// required cleans a line of text that must not be blank.
func required(what string, limit int) func(string) (string, error) {
	return func(s string) (string, error) {
		if s = sanitize.Line(s); s == "" {
			return "", errors.New(what + " must not be empty")
		}
		return s, fits(what, s, limit)
	}
}

func cleanDescription(s string) (string, error) {
	s = sanitize.Text(s)
	return s, fits("Description", s, maxDescription)
}

// fits looks at cleaned text: composing can make it longer than what was sent.
func fits(what, s string, limit int) error {
	if tooLong(s, limit) {
		return fmt.Errorf("%s must have at most %d characters", what, limit)
	}
	return nil
}

// unique drops repeats and keeps the order.
func unique(ids []string) []string {
	kept := make([]string, 0, len(ids))
	for _, id := range ids {
		if !slices.Contains(kept, id) {
			kept = append(kept, id)
		}
	}
	return kept
}
