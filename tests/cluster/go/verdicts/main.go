// What GitOps tools conclude from objects: kstatus (Flux) by its own library, Argo CD's health by our Lua in the
// interpreter that it uses, with the libraries that it allows.
//
// Standard input: {"scripts": {KIND: LUA}, "objects": [...]}. Standard output: [{"kstatus", "health", "message"}, ...].
package main

import (
	"encoding/json"
	"fmt"
	"os"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type question struct {
	Scripts map[string]string           `json:"scripts"`
	Objects []unstructured.Unstructured `json:"objects"`
}

type verdict struct {
	Kstatus string `json:"kstatus"`
	Health  string `json:"health"`
	Message string `json:"message"`
}

func main() {
	if err := answer(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func answer() error {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return err
	}
	verdicts := make([]verdict, 0, len(asked.Objects))
	for _, object := range asked.Objects {
		result, err := status.Compute(&object)
		if err != nil {
			return err
		}
		health, message, err := healthOf(object.Object, asked.Scripts[object.GetKind()])
		if err != nil {
			return fmt.Errorf("%s: %w", object.GetKind(), err)
		}
		verdicts = append(verdicts, verdict{result.Status.String(), health, message})
	}
	return json.NewEncoder(os.Stdout).Encode(verdicts)
}

func healthOf(object map[string]any, script string) (string, string, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable, lua.OsLibName: openTimes,
	} {
		call := lua.P{Fn: state.NewFunction(open), NRet: 0, Protect: true}
		if err := state.CallByParam(call, lua.LString(name)); err != nil {
			return "", "", err
		}
	}
	state.SetGlobal("obj", toLua(state, object))
	if err := state.DoString(script); err != nil {
		return "", "", err
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return "", "", fmt.Errorf("the script returned no table")
	}
	return lua.LVAsString(table.RawGetString("status")), lua.LVAsString(table.RawGetString("message")), nil
}

// Of the library "os" the two functions that tell the time.
func openTimes(state *lua.LState) int {
	lua.OpenOs(state)
	whole := state.GetGlobal(lua.OsLibName).(*lua.LTable)
	times := state.NewTable()
	for _, name := range []string{"date", "time"} {
		times.RawSetString(name, whole.RawGetString(name))
	}
	state.SetGlobal(lua.OsLibName, times)
	return 0
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch found := value.(type) {
	case bool:
		return lua.LBool(found)
	case int64:
		return lua.LNumber(found)
	case float64:
		return lua.LNumber(found)
	case string:
		return lua.LString(found)
	case []any:
		table := state.NewTable()
		for _, each := range found {
			table.Append(toLua(state, each))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for key, each := range found {
			table.RawSetString(key, toLua(state, each))
		}
		return table
	}
	return lua.LNil
}
