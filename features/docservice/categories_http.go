package docservice

import (
	"context"

	"github.com/google/uuid"

	"portico.internal/platform/web"
)

type categoriesOutput struct {
	Total int `header:"X-Total-Count"`
	Body  []CategoryOut
}

func listOfCategories(rows []category, err error) (*categoriesOutput, error) {
	if err != nil {
		return nil, err
	}
	return &categoriesOutput{Total: len(rows), Body: categoriesOut(rows)}, nil
}

func (s *Service) serveCategories(ctx context.Context, _ *web.None) (*categoriesOutput, error) {
	return listOfCategories(s.listCategories(ctx))
}

type postCategoryIn struct {
	Body CategoryCreate
}

func (s *Service) postCategory(ctx context.Context, in *postCategoryIn) (*CategoryOut, error) {
	c := &category{ID: uuid.NewString(), Name: in.Body.Name, Description: in.Body.Description}
	if err := s.createCategory(ctx, c); err != nil {
		return nil, err
	}
	return categoryOut(c), nil
}

type categoryIn struct {
	ID string `path:"id"`
}

type patchCategoryIn struct {
	categoryIn
	Body CategoryUpdate
}

func (s *Service) patchCategory(ctx context.Context, in *patchCategoryIn) (*CategoryOut, error) {
	values := map[string]any{}
	if in.Body.Name.Set {
		values["name"] = in.Body.Name.Value
	}
	if in.Body.Description.Set {
		values["description"] = in.Body.Description.Pointer()
	}
	c, err := s.updateCategory(ctx, in.ID, values)
	if err != nil {
		return nil, err
	}
	return categoryOut(c), nil
}

func (s *Service) dropCategory(ctx context.Context, in *categoryIn) (*web.None, error) {
	return nil, s.deleteCategory(ctx, in.ID)
}

func (s *Service) serveAssignments(ctx context.Context, in *documentIn) (*categoriesOutput, error) {
	return listOfCategories(s.categoriesOf(ctx, callerFrom(ctx), in.ID))
}

type putAssignmentsIn struct {
	documentIn
	Body Assignments
}

func (s *Service) putAssignments(ctx context.Context, in *putAssignmentsIn) (*categoriesOutput, error) {
	if err := s.assignAll(ctx, callerFrom(ctx), in.ID, in.Body.CategoryIDs); err != nil {
		return nil, err
	}
	return s.serveAssignments(ctx, &in.documentIn)
}

func (s *Service) postClassify(ctx context.Context, in *documentIn) (*Classification, error) {
	select {
	case s.asked <- struct{}{}:
		defer func() { <-s.asked }()
	default:
		return nil, errTooMany
	}
	ids, err := s.classify(ctx, callerFrom(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &Classification{ids}, nil
}

type assignmentIn struct {
	documentIn
	CategoryID string `path:"category_id"`
}

func (s *Service) postAssignment(ctx context.Context, in *assignmentIn) (*CategoryOut, error) {
	c, err := s.assign(ctx, callerFrom(ctx), in.ID, in.CategoryID)
	if err != nil {
		return nil, err
	}
	return categoryOut(c), nil
}

func (s *Service) dropAssignment(ctx context.Context, in *assignmentIn) (*web.None, error) {
	return nil, s.unassign(ctx, callerFrom(ctx), in.ID, in.CategoryID)
}
