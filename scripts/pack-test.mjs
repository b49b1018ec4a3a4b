// Packs the package and the platform package of this machine, installs both into an empty project, and uses them there as a user would:
// import, require, npx, and TypeScript without the DOM's types. Ends with the sum of what was checked.
import assert from 'node:assert/strict'
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { platformPackage } from './lib/platform-package.mjs'
import { npm, root, run } from './lib/run.mjs'
import { Tally } from './lib/tally.mjs'

const contents = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const platform = platformPackage()
const temp = mkdtempSync(join(tmpdir(), 'pack-test-'))
const project = join(temp, 'project')
const sum = new Tally()
try {
  await testPackage()
} finally {
  rmSync(temp, { recursive: true, force: true })
}
sum.conclude()

async function testPackage() {
  const main = await pack(root)
  const staged = join(temp, 'platform')
  cpSync(platform.folder, staged, { recursive: true })
  copyFileSync(join(root, platform.binary), join(staged, platform.binary))
  const native = await pack(staged)

  await check('the package holds what it should and nothing else', () => assert.deepEqual(main.files, expectedFiles()))
  await check('the platform package holds its binary', () =>
    assert.deepEqual(native.files, ['README.md', platform.binary, 'package.json'].sort()),
  )
  await check('every entry of package.json is in the package', () => {
    for (const path of entries(contents.exports).concat(entries(contents.bin), entries(contents.types)))
      assert.ok(main.files.includes(path), path)
  })
  await check('no script runs when it is installed', () => {
    for (const event of ['preinstall', 'install', 'postinstall']) assert.equal(contents.scripts[event], undefined)
  })

  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "private": true }\n')
  const installed = await check('both install into an empty project', () =>
    succeed(npm(['install', '--prefer-offline', '--no-audit', '--no-fund', main.path, native.path], { cwd: project })),
  )
  if (!installed) return

  for (const name of readdirSync(join(root, 'scripts', 'pack-test'))) {
    const source = readFileSync(join(root, 'scripts', 'pack-test', name), 'utf8')
    writeFileSync(join(project, name), source.replaceAll("'mmap-io", `'${contents.name}`))
  }
  for (const name of ['use.mjs', 'use.cjs']) {
    await check(`${name} opens a file with the binary of the platform package`, async () => {
      const lines = await succeed(run(process.execPath, [name, 'package.json'], { cwd: project }))
      assert.ok(lines.at(-1).includes(join(platform.contents.name, platform.binary)), lines.at(-1))
    })
  }
  const command = Object.keys(contents.bin)[0]
  await check(`npx ${command} --version prints the version`, async () => {
    const lines = await succeed(npm(['exec', '--no', '--', command, '--version'], { cwd: project }))
    assert.equal(lines.at(-1), contents.version)
  })
  await check('the declarations compile under nodenext', () => compile('nodenext', 'nodenext', ['types.mts', 'types.cts']))
  await check('the declarations compile under bundler', () => compile('esnext', 'bundler', ['types.mts']))
}

async function check(title, assertion) {
  try {
    await assertion()
    console.log(`✔ ${title}`)
    sum.passed += 1
    return true
  } catch (error) {
    sum.break(`✘ ${title}\n${error.message}`)
    return false
  }
}

async function succeed(program) {
  const { ok, end, lines } = await program
  assert.ok(ok, `ended with ${end}`)
  return lines
}

/** Packs a folder and returns where the tarball is and what it holds. Nothing is built: that `npm ci` has done. */
async function pack(folder) {
  const options = ['--json', '--ignore-scripts', '--pack-destination', temp]
  const { lines, end, ok } = await npm(['pack', ...options], { cwd: folder, render: () => null })
  assert.ok(ok, `npm pack of ${folder} ended with ${end}`)
  const text = lines.join('\n')
  const [{ filename, files }] = JSON.parse(text.slice(text.indexOf('[\n'), text.lastIndexOf(']') + 1))
  return { path: join(temp, filename), files: files.map(({ path }) => path).sort() }
}

/** What npm always packs, and what `files` names; of dist/ only what has a source, so that no leftover is shipped. */
function expectedFiles() {
  const sources = readdirSync(root).concat(readdirSync(join(root, 'src'), { recursive: true }).map((path) => join('src', path)))
  const compiled = sources
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .flatMap((path) => ['.js', '.d.ts'].map((ending) => `dist/${path.slice(0, -'.ts'.length)}${ending}`))
  const named = contents.files.flatMap((entry) => {
    if (entry === 'dist') return compiled
    return entry === 'docs' ? readdirSync(join(root, entry)).map((name) => `${entry}/${name}`) : [entry]
  })
  return [...new Set(['package.json', 'README.md', 'LICENSE', ...named])].sort()
}

/** The paths in a field of package.json. */
function entries(field) {
  return typeof field === 'string' ? [field.replace(/^\.\//, '')] : Object.values(field).flatMap(entries)
}

/** Compiles files of the project, as strictly as TypeScript can, with this repository's compiler. */
async function compile(module, moduleResolution, files) {
  const compilerOptions = {
    module,
    moduleResolution,
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true,
  }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  await succeed(run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', '.'], { cwd: project }))
}
