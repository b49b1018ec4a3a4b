/** The code in the documents and examples runs. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { tempFolder } from './support/files.ts'

const root = join(import.meta.dirname, '..')
const { name, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const documents = ['README.md', ...readdirSync(join(root, 'docs')).map((file) => join('docs', file))]

const blocks = (document: string, language: string): string[] =>
  [...readFileSync(join(root, document), 'utf8').matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'gm'))].map(
    ([, code]) => code as string,
  )

/** Runs an ES module that imports the package by name, in an empty folder. */
function runModule(t: ExecutionContext, source: string): string {
  const folder = tempFolder(t)
  const program = join(folder, 'program.mjs')
  writeFileSync(program, source.replaceAll(`'${name}'`, `'${pathToFileURL(join(root, 'dist/index.js'))}'`))
  const { status, stdout, stderr } = spawnSync(process.execPath, [program], { cwd: folder, encoding: 'utf8' })
  t.is(status, 0, stderr)
  return stdout
}

for (const document of documents) {
  for (const [index, code] of blocks(document, 'js').entries()) {
    test(`code block ${index + 1} of ${document} runs and prints what its comments say`, (t) => {
      const printed = runModule(t, code).trim().split('\n')
      const said = [...code.matchAll(/console\.log\(.*\) \/\/ (.+)$/gm)].map(([, comment]) => comment as string)
      for (const comment of said) t.true(printed.includes(comment), `${comment} in ${printed}`)
    })
  }
}

test('the README has code blocks to run', (t) => {
  t.true(blocks('README.md', 'js').length >= 4)
  t.true(blocks('README.md', 'sh').length >= 2)
})

for (const line of blocks('README.md', 'sh').flatMap((block) => block.trim().split('\n'))) {
  const command = line.split('&&').at(-1)?.trim() ?? ''
  if (!command.startsWith(`npx ${name} `)) continue
  test(`the README's ${command} works`, (t) => {
    const [, , ...args] = command.split(' ')
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, Object.values<string>(bin)[0] as string), ...args], {
      cwd: root,
      encoding: 'utf8',
    })
    t.is(status, 0, stderr)
    t.true(stdout.includes(args.at(-1) as string))
  })
}

for (const example of readdirSync(join(root, 'examples')).filter((file) => file.endsWith('.mjs'))) {
  test(`examples/${example} runs and prints the same as before`, (t) => {
    t.snapshot(runModule(t, readFileSync(join(root, 'examples', example), 'utf8')))
  })
}

test('links between documents lead somewhere', (t) => {
  const folder = tempFolder(t)
  for (const document of [...documents, 'CONTRIBUTING.md', 'CHANGELOG.md', 'benchmark/README.md']) {
    for (const [, target] of readFileSync(join(root, document), 'utf8').matchAll(/\]\(([^)#:]+)\)/g)) {
      t.notThrows(() => copyFileSync(join(root, document, '..', target as string), join(folder, 'copy')), `${target} in ${document}`)
    }
  }
})
