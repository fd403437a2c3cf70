//! Fetching pictures from hosts that mean well, and from those that do not. The hosts are on loopback, so these tests bring their
//! own look-up and their own word on which addresses may be asked; the service has neither.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use phenom_provisioner::pictures::{
    FetchError, FetchedPicture, NamedPicture, PictureFetcher, PictureFormat, PictureNames, Surroundings, is_public,
};
use sha2::{Digest as _, Sha256};
use testbed::{PictureAnswer, PictureHost};

const HOST: &str = "media.example.org";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\nand what else a picture has";
const LARGEST: usize = 2 << 20;

fn of_size(size: usize) -> Vec<u8> {
    let mut body = PNG.to_vec();
    body.resize(size, 0);
    body
}

async fn host() -> PictureHost {
    PictureHost::start(&[HOST], |path| match path.split('?').next().unwrap_or_default() {
        "/largest" => PictureAnswer::Body(of_size(LARGEST)),
        "/larger" => PictureAnswer::Body(of_size(LARGEST + 1)),
        "/endless" => PictureAnswer::Endless(PNG.to_vec()),
        "/endless-text" => PictureAnswer::Endless(b"<svg xmlns='http://www.w3.org/2000/svg'>".to_vec()),
        "/trickle" => PictureAnswer::Trickle(PNG.to_vec()),
        "/silence" => PictureAnswer::Silence,
        "/redirect" => PictureAnswer::Status(302, format!("location: https://{HOST}/a.png\r\n")),
        "/inside" => PictureAnswer::Status(307, "location: http://169.254.169.254/latest/meta-data/\r\n".to_owned()),
        "/gone" => PictureAnswer::Status(403, String::new()),
        "/svg" => PictureAnswer::Body(b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>".to_vec()),
        "/html" => PictureAnswer::Body(b"<!DOCTYPE html><p>log in first".to_vec()),
        "/short" => PictureAnswer::Body(b"GIF".to_vec()),
        "/empty" => PictureAnswer::Body(Vec::new()),
        _ => PictureAnswer::Body(PNG.to_vec()),
    })
    .await
    .unwrap()
}

/// What a fetcher finds where the host is at these addresses, and loopback may be asked.
fn around(host: &PictureHost, addresses: Vec<SocketAddr>) -> Surroundings {
    Surroundings {
        look_up: Arc::new(move |_| {
            let addresses = addresses.clone();
            Box::pin(async move { Ok(addresses) })
        }),
        may_ask: |address| address == IpAddr::V4(Ipv4Addr::LOCALHOST),
        authorities: vec![reqwest::Certificate::from_pem(host.certificate.as_bytes()).unwrap()],
    }
}

fn fetcher(host: &PictureHost) -> PictureFetcher {
    PictureFetcher::new(around(host, vec![host.address])).unwrap()
}

async fn fetch(fetcher: &PictureFetcher, path: &str) -> Result<FetchedPicture, FetchError> {
    let names = PictureNames::new("example.org", [HOST.to_owned()]);
    match names.named(&format!("https://{HOST}{path}")) {
        NamedPicture::Remote(picture) => fetcher.fetch(&picture).await,
        other => panic!("{path}: {other:?}"),
    }
}

#[tokio::test]
async fn a_picture_comes_whole_and_is_known_by_its_content() {
    let host = host().await;
    let fetched = fetch(&fetcher(&host), "/a.png?X-Amz-Signature=s").await.unwrap();
    assert_eq!((fetched.bytes.as_slice(), fetched.format), (PNG, PictureFormat::Png));
    assert_eq!(fetched.sha256, <[u8; 32]>::from(Sha256::digest(PNG)));
    assert_eq!(host.requests(), ["/a.png?X-Amz-Signature=s"], "asked once, with what signs it");
}

#[tokio::test]
async fn two_mebibytes_are_taken_and_one_byte_more_is_not() {
    let host = host().await;
    let fetcher = fetcher(&host);
    assert_eq!(fetch(&fetcher, "/largest").await.unwrap().bytes.len(), LARGEST);
    for path in ["/larger", "/endless"] {
        let began = Instant::now();
        let refused = fetch(&fetcher, path).await.unwrap_err();
        assert!(matches!(&refused, FetchError::TooLarge { host } if host == HOST), "{path}: {refused}");
        assert!(began.elapsed() < Duration::from_secs(5), "{path} is not read for as long as it may");
    }
}

#[tokio::test]
async fn what_is_no_picture_by_its_first_bytes_is_none_whatever_it_says() {
    let host = host().await;
    let fetcher = fetcher(&host);
    for path in ["/svg", "/html", "/short", "/empty", "/endless-text"] {
        let refused = fetch(&fetcher, path).await.unwrap_err();
        assert!(matches!(refused, FetchError::NoPicture { .. }), "{path}: {refused}");
    }
}

#[tokio::test]
async fn no_redirect_is_followed_and_no_other_answer_taken() {
    let host = host().await;
    let fetcher = fetcher(&host);
    for (path, status) in [("/redirect", 302), ("/inside", 307)] {
        let refused = fetch(&fetcher, path).await.unwrap_err();
        assert!(matches!(&refused, FetchError::Redirect { status: its, .. } if *its == status), "{path}: {refused}");
        assert!(!refused.to_string().contains("169.254"), "{refused}");
    }
    let refused = fetch(&fetcher, "/gone?X-Amz-Signature=secret").await.unwrap_err();
    assert!(matches!(&refused, FetchError::Status { status: 403, .. }), "{refused}");
    assert!(!refused.to_string().contains("secret"), "a signed address is in no message: {refused}");
    assert_eq!(host.requests().len(), 3, "{:?}", host.requests());
}

#[tokio::test]
async fn a_host_that_hangs_is_given_up_after_five_seconds() {
    let host = host().await;
    let fetcher = fetcher(&host);
    let began = Instant::now();
    let (silence, trickle) = tokio::join!(fetch(&fetcher, "/silence"), fetch(&fetcher, "/trickle"));
    for refused in [silence.unwrap_err(), trickle.unwrap_err()] {
        assert!(matches!(refused, FetchError::TimedOut { .. }), "{refused}");
    }
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[tokio::test]
async fn nothing_is_asked_of_an_address_that_is_not_public_even_beside_one_that_is() {
    let host = host().await;
    let private = SocketAddr::from(([10, 0, 0, 1], 443));
    for addresses in [vec![private], vec![host.address, private], vec![private, host.address]] {
        let fetcher = PictureFetcher::new(around(&host, addresses)).unwrap();
        let refused = fetch(&fetcher, "/a.png").await.unwrap_err();
        assert!(
            matches!(&refused, FetchError::NotPublic { host, address } if host == HOST && *address == private.ip()),
            "{refused}"
        );
    }
    // As the service is: this host is on loopback.
    let surroundings = Surroundings { may_ask: is_public, ..around(&host, vec![host.address]) };
    let refused = fetch(&PictureFetcher::new(surroundings).unwrap(), "/a.png").await.unwrap_err();
    assert!(matches!(&refused, FetchError::NotPublic { address, .. } if address.is_loopback()), "{refused}");
    assert_eq!(host.requests(), Vec::<String>::new());
}

/// DNS rebinding: the first answer is harmless and the next is not.
#[tokio::test]
async fn a_host_is_looked_up_once_for_each_picture_and_asked_at_what_was_judged() {
    let host = host().await;
    let (asked, address) = (Arc::new(AtomicUsize::new(0)), host.address);
    let look_up = {
        let asked = Arc::clone(&asked);
        move |_: String| -> phenom_provisioner::pictures::LookupAnswer {
            let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
            let address = if first { address } else { SocketAddr::from(([127, 0, 0, 2], address.port())) };
            Box::pin(async move { Ok(vec![address]) })
        }
    };
    let surroundings = Surroundings { look_up: Arc::new(look_up), ..around(&host, Vec::new()) };
    let fetcher = PictureFetcher::new(surroundings).unwrap();
    assert_eq!(fetch(&fetcher, "/a.png").await.unwrap().bytes, PNG);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let refused = fetch(&fetcher, "/b.png").await.unwrap_err();
    assert!(matches!(refused, FetchError::NotPublic { .. }), "{refused}");
    assert_eq!((asked.load(Ordering::Relaxed), host.requests()), (2, vec!["/a.png".to_owned()]));
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let host = host().await;
    let surroundings = Surroundings { authorities: Vec::new(), ..around(&host, vec![host.address]) };
    let refused = fetch(&PictureFetcher::new(surroundings).unwrap(), "/a.png").await.unwrap_err();
    assert!(matches!(refused, FetchError::Unreachable { .. }), "{refused}");
    assert_eq!(host.requests(), Vec::<String>::new());
}
