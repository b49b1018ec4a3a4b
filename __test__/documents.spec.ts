/** The code in the documents and examples runs. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { tempFolder } from './support/files.ts'
import { isLive } from './support/view.ts'

const root = join(import.meta.dirname, '..')
const { name, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const documents = ['README.md', ...readdirSync(join(root, 'docs')).map((file) => join('docs', file))]

const blocks = (document: string, language: string): string[] =>
  [...readFileSync(join(root, document), 'utf8').matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'gm'))].map(
    ([, code]) => code as string,
  )

/** Runs an ES module, in a folder of its own where the package is installed. */
function runModule(t: ExecutionContext, source: string, folder = tempFolder(t)): string {
  const program = join(folder, 'program.mjs')
  writeFileSync(program, source)
  const installed = join(folder, 'node_modules', name)
  mkdirSync(dirname(installed), { recursive: true })
  symlinkSync(root, installed, 'junction')
  // The documents are about live views.
  const env = isLive ? process.env : { ...process.env, MMAP_IO_VIEW: '' }
  const { status, stdout, stderr } = spawnSync(process.execPath, [program], { cwd: folder, encoding: 'utf8', env })
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

/** What the example of a main process asks of Electron, which cannot be run here: a window that loads its page and is closed. */
const electron = `
import { EventEmitter } from 'node:events'
export const app = Object.assign(new EventEmitter(), {
  whenReady: async () => {},
  quit: () => app.emit('will-quit'),
})
const handlers = {}
export const protocol = {
  registerSchemesAsPrivileged: (schemes) => console.log(schemes.map(({ scheme }) => scheme)),
  handle: (scheme, handler) => { handlers[scheme] = handler },
}
export class BrowserWindow {
  async loadURL(url) {
    const load = () => handlers[new URL(url).protocol.slice(0, -1)](new Request(url))
    const response = await load()
    console.log(response.status, Object.fromEntries([...response.headers].filter(([name]) => /content/.test(name))), await response.text())
    app.emit('window-all-closed')
    console.log((await load()).status)
  }
}`

test('examples/electron/main.mjs serves its assets to a stand-in for Electron', (t) => {
  const folder = tempFolder(t)
  cpSync(join(root, 'examples', 'electron'), folder, { recursive: true })
  mkdirSync(join(folder, 'node_modules', 'electron'), { recursive: true })
  writeFileSync(join(folder, 'node_modules', 'electron', 'package.json'), '{ "type": "module", "exports": "./index.js" }')
  writeFileSync(join(folder, 'node_modules', 'electron', 'index.js'), electron)
  t.snapshot(runModule(t, "import './main.mjs'", folder))
})

test('links between documents lead somewhere', (t) => {
  const folder = tempFolder(t)
  for (const document of [...documents, 'CONTRIBUTING.md', 'CHANGELOG.md', 'benchmark/README.md']) {
    for (const [, target] of readFileSync(join(root, document), 'utf8').matchAll(/\]\(([^)#:]+)\)/g)) {
      t.notThrows(() => copyFileSync(join(root, document, '..', target as string), join(folder, 'copy')), `${target} in ${document}`)
    }
  }
})
