//! Kinds of picture, told by their first bytes. SVG is none of them: it is a program.

/// A picture that clients show, and that holds no program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureFormat {
    Png,
    Jpeg,
    Webp,
    Gif,
}

impl PictureFormat {
    /// By the signature of the file, whatever anybody says that it is.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if bytes.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Some(Self::Webp)
        } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
            Some(Self::Gif)
        } else {
            None
        }
    }

    /// As Synapse is told.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
        }
    }

    /// What a file's name ends in.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
            Self::Gif => "gif",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_bytes_tell() {
        for (bytes, format) in [
            (&b"\x89PNG\r\n\x1a\nrest"[..], Some(PictureFormat::Png)),
            (b"\xff\xd8\xff\xe0rest", Some(PictureFormat::Jpeg)),
            (b"RIFF\x01\x02\x03\x04WEBPVP8 ", Some(PictureFormat::Webp)),
            (b"GIF89a", Some(PictureFormat::Gif)),
            (b"GIF87a", Some(PictureFormat::Gif)),
            (b"RIFF\x01\x02\x03\x04WAVE", None),
            (b"RIFF", None),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", None),
            (b"<?xml version=\"1.0\"?><svg/>", None),
            (b"<!DOCTYPE html><img src=x>", None),
            (b"BM", None),
            (b" \x89PNG\r\n\x1a\n", None),
            (b"", None),
        ] {
            assert_eq!(PictureFormat::of(bytes), format, "{bytes:?}");
        }
    }
}
