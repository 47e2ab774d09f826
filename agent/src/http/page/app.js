// The page, kept up to date: what the server tells is put in its place, piece by piece, and nothing else is touched. Without this file
// the page is the same, as of when it was loaded.
//
// Pieces are HTML that the server has written and escaped; no text is ever made into HTML here.
'use strict';

(() => {
  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);

  // ---- Dark or light: what the system says, until somebody says otherwise.
  const THEMES = ['auto', 'dark', 'light'];
  const kept = () => {
    try { return THEMES.includes(localStorage.getItem('theme')) ? localStorage.getItem('theme') : 'auto'; } catch { return 'auto'; }
  };
  const dress = (theme) => {
    root.dataset.theme = theme;
    const button = $('theme');
    if (button) { button.textContent = { auto: 'Theme: auto', dark: 'Theme: dark', light: 'Theme: light' }[theme]; }
  };
  // Before the first paint.
  dress(kept());

  // ---- Times: how long ago, by the server's clock.
  let ahead = 0;
  const now = () => Date.now() + ahead;
  const span = (ms) => {
    const s = Math.floor(Math.abs(ms) / 1000);
    if (s < 60) { return `${s} s`; }
    if (s < 3600) { return `${Math.floor(s / 60)} min`; }
    return s < 86400 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} d`;
  };
  const age = (within) => {
    for (const time of within.getElementsByTagName('time')) {
      const text = span(now() - Date.parse(time.dateTime));
      if (time.textContent !== text) { time.textContent = text; }
    }
  };

  // ---- Putting a piece in place of its former self, so that focus, selection, scrolling and open details stay.
  const parse = (html) => {
    const template = document.createElement('template');
    template.innerHTML = html;
    return template.content.firstElementChild;
  };
  const OURS = new Set(['open', 'aria-current']);
  const attributes = (to, from) => {
    for (const { name } of [...to.attributes]) {
      if (!from.hasAttribute(name) && !OURS.has(name) && !(name === 'hidden' && to.matches('tr.row'))) { to.removeAttribute(name); }
    }
    for (const { name, value } of from.attributes) {
      if (!OURS.has(name) && to.getAttribute(name) !== value) { to.setAttribute(name, value); }
    }
  };
  const morph = (to, from) => {
    if (to.nodeType !== from.nodeType || to.nodeName !== from.nodeName) { to.replaceWith(from); return; }
    if (to.nodeType !== Node.ELEMENT_NODE) {
      if (to.nodeValue !== from.nodeValue) { to.nodeValue = from.nodeValue; }
      return;
    }
    attributes(to, from);
    // The rows of a list are pieces of their own.
    if (to.hasAttribute('data-list')) { return; }
    const olds = [...to.childNodes];
    const news = [...from.childNodes];
    news.forEach((child, at) => {
      if (at >= olds.length) { to.append(child); } else { morph(olds[at], child); }
    });
    olds.slice(news.length).forEach((child) => child.remove());
  };

  const put = ({ id, parent, html }) => {
    const piece = parse(html);
    if (piece) { place(id, parent, piece); }
  };
  const place = (id, parent, piece) => {
    const there = $(id);
    if (there) { morph(there, piece); } else if (parent && $(parent)) { $(parent).append(piece); } else { return; }
    const placed = $(id);
    age(placed);
    if (placed.matches('tr.row')) { sift(placed); }
  };
  const order = ({ parent, ids }) => {
    const list = $(parent);
    if (!list) { return; }
    const wanted = new Set(ids);
    for (const child of [...list.children]) { if (!wanted.has(child.id)) { drop(child); } }
    const focused = document.activeElement;
    let at = list.firstElementChild;
    for (const id of ids) {
      const row = $(id);
      if (!row) { continue; }
      if (row === at) { at = at.nextElementSibling; } else { list.insertBefore(row, at); }
    }
    if (focused !== document.activeElement && list.contains(focused)) { focused.focus({ preventScroll: true }); }
  };
  // Whoever stood on a row that goes stands on the next.
  const drop = (row) => {
    if (row.contains(document.activeElement)) { (row.nextElementSibling || row.previousElementSibling)?.focus({ preventScroll: true }); }
    row.remove();
  };

  // ---- Work is done a few milliseconds at a time, in order: a thousand rows at once do not hold up a key.
  const work = [];
  let working = false;
  const does = { patch: put, order, gone: ({ id }) => { const row = $(id); if (row) { drop(row); } } };
  const run = () => {
    const until = performance.now() + 12;
    let job;
    while ((job = work.shift())) {
      does[job.name](job.data);
      if (performance.now() > until) { break; }
    }
    if (work.length) { setTimeout(run); } else { working = false; summary(); }
  };
  const enqueue = (name, data) => {
    work.push({ name, data });
    if (!working) { working = true; setTimeout(run); }
  };

  // ---- Searching: every row whose text has all words.
  let words = [];
  const rows = () => document.querySelectorAll('tr.row');
  const sift = (row) => {
    if (!words.length) { if (row.hidden) { row.hidden = false; } return; }
    const text = row.textContent.toLowerCase();
    const hide = !words.every((word) => text.includes(word));
    if (row.hidden !== hide) { row.hidden = hide; }
  };
  const summary = () => {
    root.classList.toggle('searching', words.length > 0);
    if (!words.length) { $('matches').textContent = ''; return; }
    const all = [...rows()];
    const text = `${all.filter((row) => !row.hidden).length} of ${all.length}`;
    if ($('matches').textContent !== text) { $('matches').textContent = text; }
    for (const section of document.querySelectorAll('main section')) {
      section.classList.toggle('no-match', section.querySelector('tr.row') !== null && section.querySelector('tr.row:not([hidden])') === null);
    }
  };
  let searching = 0;
  const search = () => {
    cancelAnimationFrame(searching);
    searching = requestAnimationFrame(() => {
      words = $('search').value.toLowerCase().split(/\s+/).filter(Boolean);
      rows().forEach(sift);
      summary();
    });
  };

  // ---- Keys.
  const here = () => document.activeElement?.closest?.('tr.row');
  const stand = (row) => {
    if (!row) { return; }
    document.querySelector('tr[aria-current]')?.removeAttribute('aria-current');
    row.setAttribute('aria-current', 'true');
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: 'nearest' });
  };
  const step = (by) => {
    const all = [...rows()].filter((row) => !row.hidden && !row.closest('[hidden], details:not([open])'));
    const from = here() || document.querySelector('tr[aria-current]');
    const at = all.indexOf(from);
    stand(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)]);
  };
  const open = (row) => {
    const details = row.querySelector('details');
    if (details) { details.open = !details.open; }
  };
  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) { return; }
    const typing = event.target.matches?.('input, textarea, select');
    if (event.key === 'Escape') {
      if ($('help').open) { return; }
      if (typing || words.length) { $('search').value = ''; search(); $('search').blur(); return; }
      const details = here()?.querySelector('details[open]');
      if (details) { details.open = false; }
      return;
    }
    if (typing) {
      if (event.key === 'Enter' || event.key === 'ArrowDown') { event.preventDefault(); $('search').blur(); step(1); }
      return;
    }
    if ($('help').open) { return; }
    const row = here();
    switch (event.key) {
      case '/': $('search').focus(); $('search').select(); break;
      case '?': $('help').showModal(); break;
      case 'j': step(1); break;
      case 'k': step(-1); break;
      case 'g': scrollTo({ top: 0 }); break;
      case 'ArrowDown': if (!row) { return; } step(1); break;
      case 'ArrowUp': if (!row) { return; } step(-1); break;
      case 'Enter': if (!row || event.target !== row) { return; } open(row); break;
      default: return;
    }
    event.preventDefault();
  };

  // ---- Live. Read by hand instead of by EventSource: that does not tell a refusal from a silence, nor shows what keeps a quiet line alive.
  const QUIET = 10000;
  const AGAIN = 30000;
  let heard = 0;
  let since = Date.now();
  let line = null;
  let waits = 0;
  let timer = 0;
  let polling = false;
  const say = (state, text) => {
    const at = $('connection');
    if (at.dataset.state !== state) { at.dataset.state = state; }
    if ($('connection-text').textContent !== text) { $('connection-text').textContent = text; }
    root.dataset.connection = state;
  };
  const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });
  const look = () => {
    if (polling || document.hidden) { return; }
    const quiet = Date.now() - heard;
    if (line && heard && quiet < QUIET) {
      say('live', 'live');
    } else if (line && heard) {
      say('stale', `stale: nothing heard since ${clock(heard)}`);
      // A line this quiet is dead, whatever the system says of it.
      if (quiet > 2 * QUIET) { hang('no word for 20 s'); }
    }
  };
  const hang = (why) => {
    if (line) { line.abort(); line = null; }
    say('disconnected', `disconnected: ${why}; as of ${clock(since)}`);
    again();
  };
  // Doubling from a quarter of a second, and a little by chance: a hundred pages do not come back in one moment. An agent that is started
  // anew is found soon, one that stays away is asked every ten seconds.
  const again = () => {
    const most = Date.now() - since < 300000 ? 1200 : 10000;
    const wait = Math.min(250 * 2 ** waits, most) * (0.75 + Math.random() / 2);
    waits = Math.min(waits + 1, 8);
    clearTimeout(timer);
    if (!document.hidden) { timer = setTimeout(connect, wait); }
  };
  const hello = (data) => {
    ahead = Date.parse(data.now) - Date.now();
    if (data.assets !== root.dataset.assets) { location.reload(); return; }
    waits = 0;
    polling = false;
  };
  const event = (block) => {
    let name = 'message';
    let data = '';
    for (const text of block.split('\n')) {
      if (text.startsWith('event: ')) { name = text.slice(7); } else if (text.startsWith('data: ')) { data += text.slice(6); }
    }
    if (!data) { return; }
    const told = JSON.parse(data);
    if (name === 'hello') { hello(told); } else if (does[name]) { enqueue(name, told); }
  };
  const refused = {
    401: 'credentials are needed; load the page anew to log in',
    403: 'not allowed from here',
    404: 'this agent has no live page',
    421: 'this name is none of the agent\'s; load the page anew',
    429: 'too many wrong credentials',
  };
  const connect = async () => {
    clearTimeout(timer);
    line?.abort();
    const own = new AbortController();
    line = own;
    heard = 0;
    const have = root.dataset.picture ? `?have=${root.dataset.picture}` : '';
    try {
      const answer = await fetch(`/api/v1/live${have}`, { signal: own.signal, cache: 'no-store', headers: { accept: 'text/event-stream' } });
      if (answer.status === 503) { await answer.text(); line = null; poll(); return; }
      if (!answer.ok) {
        await answer.text();
        if (line !== own) { return; }
        hang(refused[answer.status] || `answered ${answer.status}`);
        // Asking again would have the browser ask for a password again and again.
        if (answer.status === 401) { clearTimeout(timer); }
        return;
      }
      // From here on what is shown is no picture that the server knows by its digest.
      delete root.dataset.picture;
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = '';
      for (;;) {
        const { done, value } = await reader.read();
        if (line !== own) { return; }
        // In order: it is time to come again, or the agent ends, which the next attempt finds out.
        if (done) { line = null; again(); return; }
        heard = since = Date.now();
        look();
        const blocks = (rest + value).split('\n\n');
        rest = blocks.pop();
        blocks.forEach(event);
      }
    } catch (error) {
      if (line !== own) { return; }
      line = null;
      hang(error instanceof TypeError ? 'the agent does not answer' : error.message);
    }
  };

  // ---- Where there is no seat left: the whole page again and again, put in place piece by piece.
  const poll = async () => {
    polling = true;
    try {
      const answer = await fetch('/', { cache: 'no-store' });
      if (!answer.ok) { throw new Error(refused[answer.status] || `answered ${answer.status}`); }
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
      whole(fresh);
      since = Date.now();
      say('stale', `not live, many look: as of ${clock(since)}, again in 30 s`);
      timer = setTimeout(connect, AGAIN);
    } catch (error) {
      polling = false;
      hang(error instanceof TypeError ? 'the agent does not answer' : error.message);
    }
  };
  const whole = (fresh) => {
    for (const piece of fresh.querySelectorAll('main > [id]')) {
      const list = piece.querySelector('[data-list]');
      const rows = list ? [...list.children] : [];
      list?.replaceChildren();
      place(piece.id, null, piece);
      rows.forEach((row) => place(row.id, list.id, row));
      if (list) { order({ parent: list.id, ids: rows.map((row) => row.id) }); }
    }
    summary();
  };

  // ---- A page nobody sees holds no seat.
  let leaving = 0;
  const seen = () => {
    clearTimeout(leaving);
    if (document.hidden) {
      leaving = setTimeout(() => { if (line) { line.abort(); line = null; } clearTimeout(timer); }, AGAIN);
    } else if (!line || Date.now() - heard > QUIET) {
      waits = 0;
      connect();
    }
  };

  document.addEventListener('DOMContentLoaded', () => {
    document.querySelectorAll('.tools').forEach((tools) => { tools.hidden = false; });
    dress(kept());
    $('theme').addEventListener('click', () => {
      const next = THEMES[(THEMES.indexOf(kept()) + 1) % THEMES.length];
      try { localStorage.setItem('theme', next); } catch { /* then for this page alone */ }
      dress(next);
    });
    $('keys').addEventListener('click', () => $('help').showModal());
    $('close').addEventListener('click', () => $('help').close());
    document.addEventListener('click', ({ target }) => {
      const row = target.closest('tr.row');
      if (row && !target.closest('a, details') && getSelection().isCollapsed) { open(row); }
    });
    $('search').addEventListener('input', search);
    document.addEventListener('keydown', onKey);
    document.addEventListener('focusin', () => {
      const row = here();
      const current = document.querySelector('tr[aria-current]');
      if (row && row !== current) { current?.removeAttribute('aria-current'); row.setAttribute('aria-current', 'true'); }
    });
    document.addEventListener('visibilitychange', seen);
    addEventListener('pageshow', (shown) => { if (shown.persisted) { seen(); } });
    addEventListener('online', seen);
    setInterval(() => { look(); age(document.body); }, 1000);
    connect();
  });
})();
