// Drives the page in a headless Chromium: takes commands as lines of JSON, answers each with one, in their order. What is awaited is
// awaited in the page, by what changes in it, and told with the time at which the page showed it.
'use strict';

const readline = require('node:readline');
const fs = require('node:fs');
const puppeteer = require('puppeteer-core');
const shrink = require('./png.js');

const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const [, , chromium, profile] = process.argv;

let browser;
let page;
let complaints = [];

// Before anything of the page runs.
const prepare = () => {
  window.__csp = [];
  document.addEventListener('securitypolicyviolation', (event) => {
    window.__csp.push(`${event.violatedDirective} ${event.blockedURI}`);
  });
  // From a key to the picture that follows it: the message comes after the frame was handed over to be painted.
  window.__keys = [];
  document.addEventListener('keydown', (event) => {
    const pressed = event.timeStamp;
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => window.__keys.push(performance.now() - pressed);
      channel.port2.postMessage(0);
    });
  }, true);
  window.__sights = {};
};

const commands = {
  async open({ url, width = 1280, height = 900, scheme = 'light', auth }) {
    const context = await browser.createBrowserContext();
    page = await context.newPage();
    complaints = [];
    const origin = new URL(url).origin;
    page.on('console', (message) => { if (message.type() === 'error') { complaints.push(`console: ${message.text()}`); } });
    page.on('pageerror', (error) => complaints.push(`script: ${error.message}`));
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== origin) { complaints.push(`elsewhere: ${request.url()}`); }
    });
    await page.evaluateOnNewDocument(prepare);
    if (auth) { await page.authenticate(auth); }
    await commands.look({ width, height, scheme });
    const answer = await page.goto(url, { waitUntil: 'load' });
    await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0);
    const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime);
    return { status: answer.status(), paint };
  },

  async look({ width = 1280, height = 900, scheme = 'light' }) {
    await page.setViewport({ width, height, deviceScaleFactor: 1 });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    return {};
  },

  // Begins to wait for what a selector finds (or, `gone`, finds no more), so that nothing that happens from now on is missed.
  async expect({ name, selector, gone = false }) {
    await page.evaluate((name, selector, gone) => {
      window.__sights[name] = new Promise((resolve) => {
        const look = () => (document.querySelector(selector) === null) === gone;
        if (look()) { resolve(Date.now()); return; }
        const observer = new MutationObserver(() => {
          if (look()) { observer.disconnect(); resolve(Date.now()); }
        });
        observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
      });
    }, name, selector, gone);
    return {};
  },

  async seen({ name }) {
    return { at: await page.evaluate((name) => window.__sights[name], name) };
  },

  async axe() {
    // Through the debugger, which the content policy does not hold back.
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    return { violations: violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 200)).join(' | ')}`) };
  },

  async keys({ keys }) {
    for (const key of keys) { await page.keyboard.press(key); }
    return {};
  },

  // How long each key took until the picture that follows it.
  async type({ text }) {
    await page.evaluate(() => { window.__keys = []; });
    for (const [at, key] of [...text].entries()) {
      await page.keyboard.press(key);
      await page.waitForFunction((count) => window.__keys.length >= count, {}, at + 1);
    }
    return { took: await page.evaluate(() => window.__keys) };
  },

  async eval({ script }) {
    return { value: await page.evaluate(script) };
  },

  async until({ script }) {
    await page.waitForFunction(script, { timeout: 0 });
    return {};
  },

  async complaints() {
    const csp = await page.evaluate(() => window.__csp);
    return { complaints: [...complaints, ...csp.map((one) => `policy: ${one}`)] };
  },

  async picture({ path, full = false }) {
    fs.writeFileSync(path, shrink(await page.screenshot({ fullPage: full })));
    return {};
  },
};

const main = async () => {
  browser = await puppeteer.launch({
    executablePath: chromium,
    userDataDir: profile,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-default-apps', '--force-color-profile=srgb', '--hide-scrollbars',
      // The agent, and nobody else.
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', '--no-proxy-server',
    ],
  });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { do: command, ...told } = JSON.parse(line);
    let answer;
    try { answer = await commands[command](told); } catch (error) { answer = { error: `${command}: ${error.stack}` }; }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  await browser.close();
};

main().catch((error) => { process.stderr.write(`${error.stack}\n`); process.exit(1); });
