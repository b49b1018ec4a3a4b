/** The frame around the commands: help, version, usage, exit codes, colours, pipes. */
import { spawnSync } from 'node:child_process'
import fs, { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import test from 'ava'
import { cli, cliInTerminal, commandName, hint, main, noTerminal, version } from '../support/cli.ts'
import { onLinux, onUnix } from '../support/conditions.ts'
import { tempFile, tempFolder } from '../support/files.ts'

const inTerminal = noTerminal === undefined ? test : (title: string, _: unknown) => test.skip(`${title} (${noTerminal})`, (t) => t.fail())

const ESC = '\u001b'

for (const args of [['--help'], ['inspect', '--help']]) {
  const line = args.join(' ')

  test(`${line} goes to stdout`, async (t) => {
    const { code, stdout, stderr } = await cli(args)
    t.is(code, 0)
    t.is(stderr, '')
    t.snapshot(stdout)
    t.true(Math.max(...stdout.split('\n').map((text) => text.length)) <= 80)
  })

  inTerminal(`${line} is the same in a narrow terminal`, async (t) => {
    const { code, stdout } = await cliInTerminal(args, { columns: 40 })
    t.is(code, 0)
    t.is(stdout.replaceAll('\r', ''), (await cli(args)).stdout)
  })
}

test('help for a command can be asked for in three ways', async (t) => {
  const { stdout } = await cli(['inspect', '--help'])
  for (const args of [
    ['help', 'inspect'],
    ['inspect', '-h'],
  ]) {
    const other = await cli(args)
    t.is(other.code, 0)
    t.is(other.stdout, stdout)
  }
})

test('--version tells the version of package.json', async (t) => {
  for (const flag of ['--version', '-V']) t.deepEqual(await cli([flag]), { code: 0, signal: null, stdout: `${version}\n`, stderr: '' })
})

test('without arguments, help goes to stderr and the exit code is 2', async (t) => {
  const { code, stdout, stderr } = await cli([])
  t.is(code, 2)
  t.is(stdout, '')
  t.is(stderr, (await cli(['--help'])).stdout)
})

const misuses: [title: string, args: string[], message: string][] = [
  ['an unknown flag', ['inspect', '--frobnicate', main], "unknown option '--frobnicate'"],
  ['a misspelled flag', ['inspect', '--jsn', main], "unknown option '--jsn'; did you mean --json?"],
  ['a flag before the command', ['--json', 'inspect', main], "unknown option '--json'"],
  ['an unknown command', ['frobnicate'], "unknown command 'frobnicate'"],
  ['a misspelled command', ['inspct'], "unknown command 'inspct'; did you mean inspect?"],
  ['a command without its argument', ['inspect'], "missing required argument 'file'"],
  ['a flag with control characters', ['inspect', '--\u001b[31m\n'], "unknown option '--\\x1b[31m\\n'"],
]
for (const [title, args, message] of misuses) {
  test(`${title} is an error of one line that points to help`, async (t) => {
    t.deepEqual(await cli(args), { code: 2, signal: null, stdout: '', stderr: `${commandName}: ${message}\n${hint}` })
  })
}

test('-- ends the flags', async (t) => {
  const cwd = tempFolder(t)
  writeFileSync(join(cwd, '--json'), 'x')
  const { code, stdout } = await cli(['inspect', '--', '--json'], { cwd })
  t.is(code, 0)
  t.is(stdout.split('\n')[0], '--json')
})

const environments: [env: NodeJS.ProcessEnv, inPipe: boolean, inTerminal: boolean][] = [
  [{}, false, true],
  [{ NO_COLOR: '' }, false, true],
  [{ NO_COLOR: '1' }, false, false],
  [{ FORCE_COLOR: '1' }, true, true],
  [{ FORCE_COLOR: '' }, false, true],
  [{ FORCE_COLOR: '0' }, false, false],
  [{ FORCE_COLOR: 'false' }, false, false],
  [{ NO_COLOR: '1', FORCE_COLOR: '1' }, false, false],
  [{ NO_COLOR: '', FORCE_COLOR: '1' }, true, true],
  [{ TERM: 'dumb' }, false, false],
  [{ CI: '1' }, false, true],
]
for (const [env, coloursInPipe, coloursInTerminal] of environments) {
  const given = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const circumstances = given.length === 0 ? '' : ` with ${given.join(' and ')}`

  test(`output to a pipe is ${coloursInPipe ? '' : 'not '}coloured${circumstances}`, async (t) => {
    const { code, stdout } = await cli(['inspect', tempFile(t, 'content')], { env })
    t.is(code, 0)
    t.is(stdout.includes(ESC), coloursInPipe)
  })

  inTerminal(`output to a terminal is ${coloursInTerminal ? '' : 'not '}coloured${circumstances}`, async (t) => {
    const { code, stdout } = await cliInTerminal(['inspect', tempFile(t, 'content')], { env })
    t.is(code, 0)
    t.is(stdout.includes(ESC), coloursInTerminal)
  })
}

test('without its colours, coloured output is the plain one', async (t) => {
  const path = tempFile(t, '\0\u0001 a\u00e9')
  const coloured = (await cli(['inspect', path], { env: { FORCE_COLOR: '1' } })).stdout
  t.is(stripVTControlCharacters(coloured), (await cli(['inspect', path])).stdout)
  // Each class of bytes has a colour of its own.
  const colours = ['00', '01', '20', '61', 'c3'].map((byte) => coloured.match(new RegExp(`${ESC}\\[(\\d+)m${byte}${ESC}`))?.[1])
  t.is(new Set(colours).size, 5)
  t.false(colours.includes(undefined))
})

test('JSON is never coloured', async (t) => {
  const { stdout } = await cli(['inspect', '--json', main], { env: { FORCE_COLOR: '1' } })
  t.notThrows(() => JSON.parse(stdout))
})

onUnix('a pipe that nobody reads is no error', async (t) => {
  for (const args of [['inspect', main, main, main], ['inspect', '--json', main], ['--help'], ['--version']]) {
    const { code, signal, stderr } = await cli(args, { closeStdout: true })
    t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' })
  }
})

onUnix('what went wrong before a pipe was closed is still an error', async (t) => {
  const missing = join(tempFolder(t), 'missing')
  const { code, stderr } = await cli(['inspect', missing, main, missing], { closeStdout: true })
  t.is(code, 2)
  // Nobody reads: the files behind are not looked at.
  t.is(stderr.match(/ENOENT/g)?.length, 1)
})

onUnix('more than a pipe holds arrives as a whole', async (t) => {
  const files = Array.from({ length: 400 }, () => main)
  const { code, stdout } = await cli(['inspect', '--json', ...files])
  t.is(code, 0)
  t.is(JSON.parse(stdout).length, files.length)
  t.true(stdout.length > 2 ** 17)
})

onLinux('output that cannot be stored is an error', (t) => {
  const full = fs.openSync('/dev/full', 'w')
  const { status, stderr } = spawnSync(process.execPath, [main, 'inspect', main], { stdio: ['ignore', full, 'pipe'], encoding: 'utf8' })
  fs.closeSync(full)
  t.is(status, 2)
  t.regex(stderr, new RegExp(`^${commandName}: [^\n]*ENOSPC[^\n]*\n$`))
})
