import { Link, NavLink, Route, Routes, useLocation } from "react-router";
import { readerName } from "./api/fetch";
import { useLive, useSite } from "./api/useLive";
import { Account } from "./components/Account";
import { ErrorBoundary } from "./components/ErrorBoundary";
import { Sources } from "./components/Sources";
import { ThemeSwitch } from "./components/ThemeSwitch";
import { pages } from "./pages";

export function App() {
  const site = useSite();
  const { data } = useLive();
  const { pathname } = useLocation();
  const first = pages[0]?.component;
  const Bar = (pages.find((page) => pathname === `/${page.name}`) ?? pages[0])?.bar;
  return (
    <>
      <header className="top">
        <button type="button" className="skip" onClick={() => document.getElementById("main")?.focus()}>
          To the content
        </button>
        <Brand />
        {data?.snapshot.cluster && <span className="cluster">{data.snapshot.cluster}</span>}
        {pages.length > 1 && (
          <nav aria-label="Capabilities">
            {pages.map((page) => (
              <NavLink key={page.name} to={`/${page.name}`}>
                {page.title}
              </NavLink>
            ))}
          </nav>
        )}
        {Bar ? <Bar /> : <span className="fill" />}
        {data && <Sources snapshot={data.snapshot} problems={data.problems} />}
        <Account name={data ? readerName() : ""} />
        <ThemeSwitch />
      </header>
      <main id="main" tabIndex={-1}>
        <ErrorBoundary part={site.pageTitle} version={data}>
          <Routes>
            {first && <Route path="/" Component={first} />}
            {pages.map((page) => (
              <Route key={page.name} path={`/${page.name}`} Component={page.component} />
            ))}
            <Route path="*" element={<Nowhere />} />
          </Routes>
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
