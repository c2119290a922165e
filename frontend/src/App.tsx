import { Suspense } from "react";
import { Link, Route, Routes, useLocation } from "react-router";
import { readerName } from "./api/fetch";
import { useLive, useSite } from "./api/useLive";
import { useOffered } from "./api/useOffered";
import { Account } from "./components/Account";
import { Capabilities } from "./components/Capabilities";
import { ErrorBoundary } from "./components/ErrorBoundary";
import { Sources } from "./components/Sources";
import { ThemeSwitch } from "./components/ThemeSwitch";
import { pages } from "./pages";

export function App() {
  const site = useSite();
  const { data, error } = useLive();
  const { pathname } = useLocation();
  const current = pages.find((page) => page.name === pathname.split("/")[1]) ?? pages[0];
  const offered = useOffered(pages, data !== undefined || error !== null);
  const shown = pages.filter((page) => page === pages[0] || page === current || offered.has(page.name));
  const Bar = current?.bar;
  const First = pages[0]?.component;
  return (
    <>
      <header className="top" data-page={current?.name}>
        <button type="button" className="skip" onClick={() => document.getElementById("main")?.focus()}>
          To the content
        </button>
        <Brand />
        {data?.snapshot.cluster && <span className="cluster">{data.snapshot.cluster}</span>}
        {shown.length > 1 && <Capabilities pages={shown} current={current?.name ?? ""} />}
        {Bar ? <Bar /> : <span className="fill" />}
        {data && <Sources snapshot={data.snapshot} problems={data.problems} />}
        <Account name={data ? readerName() : ""} asked={offered.size > 1 || / 401 /.test(error?.message ?? "")} />
        <ThemeSwitch />
      </header>
      <main id="main" tabIndex={-1}>
        <ErrorBoundary part={site.pageTitle} version={`${current?.name} ${data?.snapshot.timestamp}`}>
          <Suspense fallback={<p className="state muted">Loading …</p>}>
            <Routes>
              {First && <Route path="/" element={<First />} />}
              {pages.map(({ name, component: Component, asks }) => (
                <Route key={name} path={asks ? `/${name}/*` : `/${name}`} element={<Component />} />
              ))}
              <Route path="*" element={<Nowhere />} />
            </Routes>
          </Suspense>
        </ErrorBoundary>
      </main>
    </>
  );
}

function Brand() {
  const { homepage, pageTitle, logo } = useSite();
  const content = (
    <>
      {logo ? <img src={logo} alt="" height="22" /> : <Logo />}
      <h1>{pageTitle}</h1>
    </>
  );
  return homepage ? (
    <a className="brand" href={homepage}>
      {content}
    </a>
  ) : (
    <Link className="brand" to="/">
      {content}
    </Link>
  );
}

function Nowhere() {
  return (
    <div className="state">
      <h2>There is no such page</h2>
      <p>
        <Link to="/">Show the cluster</Link>
      </p>
    </div>
  );
}

function Logo() {
  return (
    <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
      <rect width="32" height="32" rx="6" fill="#1c5d99" />
      <path d="M6 18h4v8H6Zm6-6h4v14h-4Zm6 3h4v11h-4Z" fill="#fff" />
      <path d="M24 6h3v20h-3Z" fill="#f2b134" />
    </svg>
  );
}
