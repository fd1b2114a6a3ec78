// The strictest sets of typescript-eslint, with type information. What is switched off says why.
import { existsSync } from "node:fs";
import { builtinModules } from "node:module";
import sonarjs from "eslint-plugin-sonarjs";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

const withoutPrefix = builtinModules
  .filter((name) => !name.startsWith("node:"))
  .map((name) => ({ name, message: `Write "node:${name}".` }));

const READ_WHOLE =
  "It may take a read that returns less for the end of the file. Use readWhole() or readFile() of src/fetch/files/read-whole.ts.";

/** Finds `handle.readFile()` and `fs.readFile()`. `readFileSync` reads until there is no more, so it may be used. */
const wholeFiles = { selector: "MemberExpression[property.name='readFile']", message: READ_WHOLE };

export default defineConfig(
  // The consumers see the built package only; `npm run check:package` compiles them as users would.
  globalIgnores([
    "**/dist/",
    "coverage/",
    "docs/generated/",
    "docs/.vitepress/cache/",
    "test/package/consumer/",
  ]),
  // Their types come from packages of their own: `npm run fleet` installs those of the fleet.
  ...["fleet", "with-packages"]
    .map((name) => `examples/${name}`)
    .filter((folder) => !existsSync(`${folder}/node_modules`))
    .map((folder) => globalIgnores([`${folder}/`])),
  // So does the site of the documentation: `npm run docs` installs them.
  ...(existsSync("docs/node_modules") ? [] : [globalIgnores(["docs/"])]),
  { linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: "error" } },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // A method that is `async` without `await` turns what it throws into a rejection: wrong arguments reject.
      "@typescript-eslint/require-await": "off",
      // It wants `!` where we write `as T`: a claim about a value is to be seen, and names its type.
      "@typescript-eslint/non-nullable-type-assertion-style": "off",
      // Numbers print as one expects them to.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // `() => stream.destroy()` is a callback whose value nobody takes.
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // `while (true)` with its exits inside is how a parser's loop reads best.
      "@typescript-eslint/no-unnecessary-condition": [
        "error",
        { allowConstantLoopConditions: "only-allowed-literals" },
      ],
      // `this: void`: the function may be passed on alone, as `errors.filter(Pop3Error.is)` does.
      "@typescript-eslint/no-invalid-void-type": ["error", { allowAsThisParameter: true }],
      // `() => {}` is the shortest way to say that nothing is to happen.
      "@typescript-eslint/no-empty-function": ["error", { allow: ["arrowFunctions"] }],
      // `isolatedDeclarations` wants the type of a public field on its left side; so all fields have it there.
      "@typescript-eslint/consistent-generic-constructors": "off",
      // Lines and octets are spread, never what a person reads.
      "@typescript-eslint/no-misused-spread": ["error", { allow: ["string"] }],
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_", caughtErrors: "all" },
      ],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      // `typeof import("name")` is the type of a package that is loaded late.
      "@typescript-eslint/consistent-type-imports": [
        "error",
        { fixStyle: "inline-type-imports", disallowTypeAnnotations: false },
      ],
    },
  },
  {
    files: ["**/*.{ts,js,cjs}"],
    rules: {
      eqeqeq: "error",
      "no-async-promise-executor": "error",
      "no-cond-assign": "error",
      "no-constant-binary-expression": "error",
      "no-constructor-return": "error",
      "no-duplicate-case": "error",
      "no-empty": "error",
      "no-fallthrough": "error",
      "no-irregular-whitespace": "error",
      "no-loss-of-precision": "error",
      "no-misleading-character-class": "error",
      "no-prototype-builtins": "error",
      "no-return-assign": "error",
      "no-self-assign": "error",
      "no-self-compare": "error",
      "no-sparse-arrays": "error",
      "no-template-curly-in-string": "error",
      // The first of an iterator is got by leaving the loop.
      "no-unreachable-loop": ["error", { ignore: ["ForOfStatement"] }],
      "no-unsafe-finally": "error",
      "no-unsafe-optional-chaining": "error",
      "no-unused-private-class-members": "error",
      "no-useless-assignment": "error",
      "no-useless-backreference": "error",
      "no-useless-escape": "error",
      "no-useless-rename": "error",
      "object-shorthand": "error",
      "preserve-caught-error": "error",
      "prefer-const": "error",
      "no-var": "error",
      "no-restricted-imports": ["error", { paths: withoutPrefix }],
    },
  },
  {
    // A function that a reader cannot follow is split. This is the only rule of the plugin that we use.
    files: ["src/**/*.ts"],
    // The hot loop of the client: it runs over each byte of a message, and calls between smaller functions would cost
    // more than they explain. It says at the top how it works.
    ignores: ["src/protocol/dot-decoder.ts"],
    plugins: { sonarjs },
    rules: { "sonarjs/cognitive-complexity": ["error", 25] },
  },
  {
    files: ["src/**/*.ts"],
    rules: { "no-restricted-syntax": ["error", wholeFiles] },
  },
  {
    files: ["src/**/*.ts"],
    // It imports the whole module; `wholeFiles` finds a call.
    ignores: ["src/fetch/files/patient-fs.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          paths: [
            ...withoutPrefix,
            {
              name: "node:fs/promises",
              importNames: ["readFile", "default"],
              message: READ_WHOLE,
            },
            {
              name: "node:fs",
              importNames: ["readFile", "promises", "default"],
              message: READ_WHOLE,
            },
          ],
        },
      ],
    },
  },
  {
    // A library prints nothing.
    files: ["src/**/*.ts"],
    ignores: ["src/cli/**"],
    rules: { "no-console": "error" },
  },
  {
    // Pure: what they are given is all they know, and nothing happens later.
    files: ["src/{protocol,auth}/**/*.ts"],
    rules: {
      "no-restricted-globals": [
        "error",
        ...["process", "fetch", "queueMicrotask", "setImmediate", "setInterval", "setTimeout"],
      ],
    },
  },
  {
    // A test that has clocks and chance of its own replaces two modules.
    files: ["src/{fetch,net,options,pool,session,store}/**/*.ts", "src/*.ts"],
    rules: {
      "no-restricted-properties": [
        "error",
        ...[
          { object: "Date", property: "now", message: "Use wallTime() of src/system/clock.ts." },
          { object: "performance", property: "now", message: "Use steadyTime() of src/system/clock.ts." },
          { object: "process", property: "hrtime", message: "Use kernelTime() of src/system/clock.ts." },
          { object: "Math", property: "random", message: "Use random() of src/system/random.ts." },
        ],
      ],
      "no-restricted-syntax": [
        "error",
        wholeFiles,
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: "Use new Date(wallTime()), with wallTime of src/system/clock.ts.",
        },
      ],
    },
  },
  {
    // It has lines of the sources, to be replaced.
    files: ["test/simulation/bugs.ts"],
    rules: { "no-template-curly-in-string": "off" },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      "no-restricted-syntax": [
        "error",
        {
          selector:
            "CallExpression[callee.object.name=/^(describe|it|test)$/][callee.property.name=/^(only|skip|skipIf|runIf|todo)$/]",
          message: "Every test runs, everywhere.",
        },
      ],
    },
  },
  {
    files: ["test/**/*.ts"],
    ignores: ["test/support/fast-check.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          paths: [
            ...withoutPrefix,
            { name: "fast-check", message: "test/support/fast-check.ts has it with its seed." },
          ],
        },
      ],
    },
  },
);
