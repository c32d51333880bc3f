package docservice

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func (f *fixture) category(name string) CategoryOut {
	f.t.Helper()
	return decode[CategoryOut](f.call(root, "POST", "/documents/categories", `{"name":"`+name+`"}`).is(201))
}

func TestCategories(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		const all = "/documents/categories"
		require.Equal(t, "[]", f.call(ann, "GET", all, "").is(200).body)
		c := decode[CategoryOut](f.call(root, "POST", all, `{"name":" Größe ","description":"a\nb"}`).is(201, `"name":"Größe"`, `"description":"a\nb"`))
		one := all + "/" + c.ID
		for _, same := range []string{"Größe", "GRÖSSE", "gro\u0308ße", " größe\u200b"} {
			f.call(root, "POST", all, `{"name":"`+same+`"}`).is(400, "Category name already exists")
		}
		other := f.category("Alpha")
		f.call(root, "PATCH", all+"/"+other.ID, `{"name":"größe"}`).is(400, "Category name already exists")
		list := f.call(cat, "GET", all, "").is(200)
		require.Equal(t, "2", list.header.Get("X-Total-Count"))
		require.Equal(t, []string{"Alpha", "Größe"}, []string{decode[[]CategoryOut](list)[0].Name, decode[[]CategoryOut](list)[1].Name})

		require.Equal(t, c, decode[CategoryOut](f.call(root, "PATCH", one, `{}`).is(200)))
		f.call(root, "PATCH", one, `{"name":"GRÖSSE"}`).is(200, `"name":"GRÖSSE"`, `"description":"a\nb"`)
		f.call(root, "PATCH", one, `{"description":null}`).is(200, `"name":"GRÖSSE"`, `"description":null`)
		f.call(root, "PATCH", one, `{"description":""}`).is(200, `"description":""`)
		f.call(root, "PATCH", one, `{"name":null}`).is(422, `["body","name"]`)
		for _, name := range []string{`""`, `" "`, `7`, `"` + strings.Repeat("x", 129) + `"`, `"` + strings.Repeat(`\u0958`, 100) + `"`} {
			f.call(root, "POST", all, `{"name":`+name+`}`).is(422, `["body","name"]`)
			f.call(root, "PATCH", one, `{"name":`+name+`}`).is(422, `["body","name"]`)
		}
		f.call(root, "POST", all, `{"name":"x","description":"`+strings.Repeat("x", 513)+`"}`).is(422, `["body","description"]`)
		f.call(root, "POST", all, `{}`).is(422, `"missing"`)

		for _, id := range []string{"nonsense", "00000000-0000-4000-8000-000000000000"} {
			f.call(root, "PATCH", all+"/"+id, `{"name":"y"}`).is(404, "Category not found")
			f.call(root, "DELETE", all+"/"+id, "").is(404, "Category not found")
		}
		f.call(root, "DELETE", one, "").is(204)
		f.call(root, "DELETE", one, "").is(404)
	})
}

// Only administrators change categories; to others those routes are not there.
func TestCategoriesAreAdministered(t *testing.T) {
	f := start(t, Config{})
	c := f.category("Plans")
	unknown := f.call(ann, "GET", "/nothing", "").is(404).body
	for _, route := range [][3]string{
		{"POST", "", `{"name":"x"}`}, {"POST", "", `{`}, {"PATCH", "/" + c.ID, `{"name":"x"}`}, {"DELETE", "/" + c.ID, ""}, {"DELETE", "/nonsense", ""},
	} {
		path := "/documents/categories" + route[1]
		require.Equal(t, unknown, f.call(ann, route[0], path, route[2]).is(404).body)
		f.call(nobody, route[0], path, route[2]).is(401)
	}
	require.Equal(t, []CategoryOut{c}, decode[[]CategoryOut](f.call(ann, "GET", "/documents/categories", "").is(200)))
}

func TestAssignments(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		d, other := f.add(ann, "a.pdf", pdfOf(1, "")), f.add(ann, "b.pdf", pdfOf(1, ""))
		b, a := f.category("Beta"), f.category("Alpha")
		path := "/documents/" + d.ID + "/categories"
		list := func(r reply) (names []string) {
			for _, c := range decode[[]CategoryOut](r.is(200)) {
				names = append(names, c.Name)
			}
			return names
		}
		require.Equal(t, "[]", f.call(ann, "GET", path, "").is(200).body)
		f.call(ann, "POST", path+"/"+b.ID, "").is(201, `"name":"Beta"`)
		f.call(ann, "POST", path+"/"+b.ID, "").is(400, "Category is already assigned")
		f.call(ann, "POST", path+"/00000000-0000-4000-8000-000000000000", "").is(404, "Category not found")
		f.call(ann, "POST", path+"/nonsense", "").is(404, "Category not found")
		require.Equal(t, []string{"Alpha", "Beta"}, list(f.call(ann, "PUT", path, `{"category_ids":["`+b.ID+`","`+strings.ToUpper(a.ID)+`","`+b.ID+`"]}`)))
		require.Equal(t, []string{"Alpha", "Beta"}, list(f.call(root, "GET", path, "")))
		require.ElementsMatch(t, []string{a.ID, b.ID}, f.settled(ann, d.ID).CategoryIDs)

		f.call(ann, "PUT", path, `{"category_ids":["00000000-0000-4000-8000-000000000000"]}`).is(400, "A category does not exist")
		f.call(ann, "PUT", path, `{"category_ids":["`+a.ID+`","nonsense"]}`).is(422, `["body","category_ids",1]`)
		f.call(ann, "PUT", path, `{}`).is(422, `"missing"`)
		require.Equal(t, []string{"Alpha", "Beta"}, list(f.call(ann, "GET", path, "")), "a refused change must leave all as it was")

		f.call(root, "POST", "/documents/"+other.ID+"/categories/"+a.ID, "").is(201)
		require.Equal(t, []Document{f.settled(ann, d.ID)}, decode[[]Document](f.call(ann, "GET", "/documents?category="+b.ID, "").is(200)))
		f.call(ann, "DELETE", path+"/"+b.ID, "").is(204)
		f.call(ann, "DELETE", path+"/"+b.ID, "").is(404, "Category is not assigned")
		require.Equal(t, "[]", f.call(ann, "GET", "/documents?category="+b.ID, "").is(200).body)
		require.Equal(t, "2", f.call(ann, "GET", "/documents?category="+a.ID, "").is(200).header.Get("X-Total-Count"))

		f.call(root, "DELETE", "/documents/categories/"+a.ID, "").is(204)
		require.Empty(t, f.settled(ann, d.ID).CategoryIDs, "a category goes, its documents stay")
		f.call(ann, "POST", path+"/"+b.ID, "").is(201)
		f.call(ann, "DELETE", "/documents/"+d.ID, "").is(204)
		var left int64
		require.NoError(t, f.db.Model(&assignment{}).Count(&left).Error)
		require.Zero(t, left)
		require.Equal(t, "[]", f.call(ann, "PUT", "/documents/"+other.ID+"/categories", `{"category_ids":[]}`).is(200).body)
	})
}

// Of many who make the same category one succeeds, and the others are told why they do not.
func TestCategoryRace(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		statuses := make([]int, 20)
		var wg sync.WaitGroup
		for i := range statuses {
			wg.Go(func() { statuses[i] = f.call(root, "POST", "/documents/categories", `{"name":"One"}`).status })
		}
		wg.Wait()
		count := map[int]int{}
		for _, s := range statuses {
			count[s]++
		}
		require.Equal(t, map[int]int{201: 1, 400: 19}, count)
	})
}
