// What github.com/cilium/ebpf/btf finds in a file, as JSON, in the terms of harness.witnesses.content:
//
//	reader FILE [BASE]
//
// Exit status 1 where it refuses. It is built for several versions, and uses what all of them have.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/cilium/ebpf/btf"
)

var kinds = map[string]string{
	"Int": "INT", "Pointer": "PTR", "Array": "ARRAY", "Struct": "STRUCT", "Union": "UNION", "Enum": "ENUM",
	"Fwd": "FWD", "Typedef": "TYPEDEF", "Volatile": "VOLATILE", "Const": "CONST", "Restrict": "RESTRICT",
	"Func": "FUNC", "FuncProto": "FUNC_PROTO", "Var": "VAR", "Datasec": "DATASEC", "Float": "FLOAT",
	"declTag": "DECL_TAG", "typeTag": "TYPE_TAG", "TypeTag": "TYPE_TAG",
}

func fail(words ...any) {
	fmt.Fprintln(os.Stderr, words...)
	os.Exit(1)
}

// every calls f with each type from an id on, and returns the first id that the spec does not have.
func every(spec *btf.Spec, first btf.TypeID, f func(btf.Type)) btf.TypeID {
	for id := first; ; id++ {
		t, err := spec.TypeByID(id)
		if errors.Is(err, btf.ErrNotFound) || (err != nil && strings.Contains(err.Error(), "exceeds length of types")) {
			return id
		}
		if err != nil {
			fail(fmt.Sprintf("type_id %d:", id), err)
		}
		f(t)
	}
}

func main() {
	file, err := os.Open(os.Args[1])
	if err != nil {
		fail(err)
	}
	first := btf.TypeID(1)
	var spec *btf.Spec
	if len(os.Args) > 2 {
		below, err := os.Open(os.Args[2])
		if err != nil {
			fail(err)
		}
		base, err := btf.LoadSpecFromReader(below)
		if err != nil {
			fail("base:", err)
		}
		first = every(base, 1, func(btf.Type) {})
		spec, err = btf.LoadSplitSpecFromReader(file, base)
		if err != nil {
			fail(err)
		}
	} else if spec, err = btf.LoadSpecFromReader(file); err != nil {
		fail(err)
	}
	shapes, funcs, parameters, tags := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	every(spec, first, func(t btf.Type) {
		name := strings.TrimPrefix(fmt.Sprintf("%T", t), "*btf.")
		kind, known := kinds[name]
		if !known {
			kind = "UNKNOWN"
		}
		shapes[kind]++
		if kind == "DECL_TAG" {
			value := reflect.ValueOf(t).Elem()
			index, target := value.FieldByName("Index"), value.FieldByName("Type")
			tag := value.FieldByName("Value").String() + " of "
			if of, ok := target.Interface().(btf.Type); ok {
				tag += of.TypeName()
			}
			if index.Int() != -1 {
				tag += fmt.Sprintf(", %d", index.Int())
			}
			tags[tag]++
		}
		f, ok := t.(*btf.Func)
		if !ok {
			return
		}
		funcs[f.Name]++
		said := "(?)"
		if proto, ok := f.Type.(*btf.FuncProto); ok {
			names := []string{}
			for _, p := range proto.Params {
				if p.Name == "" {
					p.Name = "?"
				}
				names = append(names, p.Name)
			}
			said = "(" + strings.Join(names, ", ") + ")"
		}
		parameters[f.Name+said]++
	})
	out := map[string]map[string]int{"shapes": shapes, "FUNC": funcs, "parameters": parameters, "tags": tags}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		fail(err)
	}
}
