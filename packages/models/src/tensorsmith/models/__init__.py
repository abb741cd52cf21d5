"""Builders of neural networks as functional Keras models, with tables of sizes and parameter counts."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # without log output, before any other import

from tensorsmith.models.model_budget import LayerBudget, ModelBudget, model_budget
from tensorsmith.models.networks._support.transformer_decoder import TransformerState
from tensorsmith.models.networks.alexnet import alexnet
from tensorsmith.models.networks.autoencoder import autoencoder
from tensorsmith.models.networks.bert import bert
from tensorsmith.models.networks.captioner import captioner, captioner_attention, captioner_step
from tensorsmith.models.networks.char_rnn import char_rnn
from tensorsmith.models.networks.convnext import convnext
from tensorsmith.models.networks.dcgan import dcgan_discriminator, dcgan_generator
from tensorsmith.models.networks.diffusion_unet import diffusion_unet
from tensorsmith.models.networks.efficientnet_lite import efficientnet_lite0
from tensorsmith.models.networks.encoder_decoder import (
    EncoderDecoderState,
    encoder_decoder,
    encoder_decoder_alignment,
    encoder_decoder_step,
)
from tensorsmith.models.networks.fcn import fcn
from tensorsmith.models.networks.googlenet import googlenet
from tensorsmith.models.networks.gpt import GPTState, gpt, gpt_step
from tensorsmith.models.networks.lenet5 import lenet5
from tensorsmith.models.networks.mobilenet_v2 import mobilenet_v2
from tensorsmith.models.networks.resnet import resnet
from tensorsmith.models.networks.style_generator import style_generator
from tensorsmith.models.networks.text_classifier import text_classifier
from tensorsmith.models.networks.transformer import transformer, transformer_step
from tensorsmith.models.networks.unet import unet
from tensorsmith.models.networks.vgg import vgg
from tensorsmith.models.networks.vit import vit
from tensorsmith.models.networks.wavenet import wavenet
from tensorsmith.models.networks.wide_resnet import wide_resnet
from tensorsmith.models.networks.xception import xception
from tensorsmith.models.networks.yolo import yolo
from tensorsmith.models.sample_scores import sample_scores
from tensorsmith.models.steps.diffusion import Diffusion
from tensorsmith.models.steps.gan import GAN
from tensorsmith.models.steps.variational_autoencoder import VariationalAutoencoder

__all__ = [
    "GAN",
    "Diffusion",
    "EncoderDecoderState",
    "GPTState",
    "LayerBudget",
    "ModelBudget",
    "TransformerState",
    "VariationalAutoencoder",
    "alexnet",
    "autoencoder",
    "bert",
    "captioner",
    "captioner_attention",
    "captioner_step",
    "char_rnn",
    "convnext",
    "dcgan_discriminator",
    "dcgan_generator",
    "diffusion_unet",
    "efficientnet_lite0",
    "encoder_decoder",
    "encoder_decoder_alignment",
    "encoder_decoder_step",
    "fcn",
    "googlenet",
    "gpt",
    "gpt_step",
    "lenet5",
    "mobilenet_v2",
    "model_budget",
    "resnet",
    "sample_scores",
    "style_generator",
    "text_classifier",
    "transformer",
    "transformer_step",
    "unet",
    "vgg",
    "vit",
    "wavenet",
    "wide_resnet",
    "xception",
    "yolo",
]
