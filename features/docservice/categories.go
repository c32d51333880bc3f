package docservice

import (
	"context"
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/database"
	"portico.internal/platform/errs"
)

// Errors that clients are told.
var (
	errNoCategory  = errs.New(errs.NotFound, "Category not found")
	errNameTaken   = errs.New(errs.BadRequest, "Category name already exists")
	errUnknownIDs  = errs.New(errs.BadRequest, "A category does not exist")
	errAssigned    = errs.New(errs.BadRequest, "Category is already assigned")
	errNotAssigned = errs.New(errs.NotFound, "Category is not assigned")
)

func (s *Service) listCategories(ctx context.Context) ([]category, error) {
	var rows []category
	err := s.db.WithContext(ctx).Order("name_key, id").Find(&rows).Error
	return rows, err
}

// createCategory fails with BadRequest when a reader would take the name for that of another category.
func (s *Service) createCategory(ctx context.Context, c *category) error {
	c.NameKey = fold(c.Name)
	return taken(database.Write(ctx, s.db, func(tx *gorm.DB) error { return tx.Create(c).Error }))
}

// updateCategory sets the columns in values and returns the whole category.
func (s *Service) updateCategory(ctx context.Context, id string, values map[string]any) (*category, error) {
	var c category
	err := database.Write(ctx, s.db, func(tx *gorm.DB) error {
		if err := takeCategory(tx, id, &c); err != nil || len(values) == 0 {
			return err
		}
		if name, ok := values["name"].(string); ok {
			values["name_key"] = fold(name)
		}
		values["updated_at"] = tx.NowFunc()
		if err := tx.Model(&category{ID: c.ID}).Updates(values).Error; err != nil {
			return err
		}
		return takeCategory(tx, id, &c)
	})
	return &c, taken(err)
}

// takeCategory reads and locks a category. Fails with NotFound when there is none.
func takeCategory(tx *gorm.DB, id string, c *category) error {
	*c = category{}
	err := tx.Clauses(clause.Locking{Strength: "UPDATE"}).Where("id = ?", canonicalID(id)).Take(c).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return errNoCategory
	}
	return err
}

func taken(err error) error {
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return errNameTaken
	}
	return err
}

func (s *Service) deleteCategory(ctx context.Context, id string) error {
	return database.Write(ctx, s.db, func(tx *gorm.DB) error {
		result := tx.Where("id = ?", canonicalID(id)).Delete(&category{})
		if result.Error == nil && result.RowsAffected == 0 {
			return errNoCategory
		}
		return result.Error
	})
}

// categoriesOf returns the categories of a document by name. Fails with NotFound when the caller may not see it.
func (s *Service) categoriesOf(ctx context.Context, who caller, id string) ([]category, error) {
	d, err := s.get(ctx, who, id)
	if err != nil {
		return nil, err
	}
	var rows []category
	err = s.db.WithContext(ctx).Joins("JOIN document_category_assignments a ON a.category_id = categories.id").
		Where("a.document_id = ?", d.Document.ID).Order("categories.name_key, categories.id").Find(&rows).Error
	return rows, err
}

// assignAll makes ids the categories of the document. Fails with BadRequest when one does not exist.
func (s *Service) assignAll(ctx context.Context, who caller, id string, ids []string) error {
	return s.change(ctx, who, id, func(tx *gorm.DB, d *document) error {
		if err := tx.Where("document_id = ?", d.ID).Delete(&assignment{}).Error; err != nil || len(ids) == 0 {
			return err
		}
		rows := make([]assignment, len(ids))
		for i, c := range ids {
			rows[i] = assignment{DocumentID: d.ID, CategoryID: c}
		}
		err := tx.Create(&rows).Error
		if errors.Is(err, gorm.ErrForeignKeyViolated) {
			return errUnknownIDs
		}
		return err
	})
}

// assign puts the document into one more category and returns that.
func (s *Service) assign(ctx context.Context, who caller, id, categoryID string) (*category, error) {
	var c category
	err := s.change(ctx, who, id, func(tx *gorm.DB, d *document) error {
		if err := takeCategory(tx, categoryID, &c); err != nil {
			return err
		}
		err := tx.Create(&assignment{DocumentID: d.ID, CategoryID: c.ID}).Error
		if errors.Is(err, gorm.ErrDuplicatedKey) {
			return errAssigned
		}
		return err
	})
	return &c, err
}

// unassign takes the document out of a category.
func (s *Service) unassign(ctx context.Context, who caller, id, categoryID string) error {
	return s.change(ctx, who, id, func(tx *gorm.DB, d *document) error {
		result := tx.Where("document_id = ? AND category_id = ?", d.ID, canonicalID(categoryID)).Delete(&assignment{})
		if result.Error == nil && result.RowsAffected == 0 {
			return errNotAssigned
		}
		return result.Error
	})
}
